// A gibibyte between a Pod and the hub, as artifacts travel: over loopback with CURVE, digested on both
// sides. Beside it what that rests on: digesting alone. Memory: of both sides together, at most.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <stdexcept>

#include "engine/hub/hub.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/digest.hpp"
#include "sidecar/bulk/client.hpp"
#include "sidecar/bulk/sodium_hasher.hpp"
#include "sidecar/link/dealer.hpp"
#include "tests/support/bulk_store.hpp"
#include "tests/support/keys.hpp"

namespace scanflow::hub {
namespace {

constexpr std::size_t kBytes = std::size_t{1} << 30;

using test::Keys;

double peak_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / 1024;
  }
  return 0;
}

void forget_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

class Place {
 public:
  Place() {
    HubOptions options;
    options.boot_id = "hub";
    options.term = 1;
    options.bulk = store.access();
    options.network.tcp = options.network.bulk_tcp = "tcp://127.0.0.1:*";
    options.network.secret_key = hub_keys_.secret;
    options.network.user_of = [](const std::string&) { return "pod"; };
    auto started = Hub::start(std::move(options), {});
    if (!started) throw std::runtime_error(started.error().message);
    hub_ = std::move(*started);
    dealer_ = std::make_unique<link::Dealer>(*link::Dealer::open(
        context_, {hub_->bulk_tcp(), hub_keys_.open, keys_.open, keys_.secret}));
  }
  void until(const bool& done) {
    while (!done) {
      const std::int64_t now_us = monotonic_us();
      const std::int64_t wait_us = std::min<std::int64_t>(client.wake_us(now_us) - now_us, 50'000);
      zmq::pollitem_t item{dealer_->socket().handle(), 0, ZMQ_POLLIN, 0};
      zmq::poll(&item, 1, std::chrono::milliseconds(std::max<std::int64_t>(wait_us / 1000, 0)));
      dealer_->exchange(client, monotonic_us());
    }
  }
  /// A file that was written in pieces.
  std::string file(const std::string& name) const {
    std::string path = files / name;
    std::ofstream stream(path, std::ios::binary);
    const std::string piece = noise(1u << 20, 1);
    for (std::size_t i = 0; i < kBytes >> 20; ++i) stream << i << piece.substr(8);
    stream.close();
    std::filesystem::resize_file(path, kBytes);
    return path;
  }

  test::TempDir files;
  TestStore store{files};
  bulk::Client client{{"pod", "boot"}, bulk::sodium_hasher};

 private:
  Keys hub_keys_, keys_;
  zmq::context_t context_;
  std::unique_ptr<Hub> hub_;
  std::unique_ptr<link::Dealer> dealer_;
};

void finish(benchmark::State& state, double before) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * kBytes));
  state.counters["memory_mib"] = peak_mib() - before;
}

void BM_Store(benchmark::State& state) {
  Place place;
  const std::string path = place.file("made");
  forget_peak();
  const double before = peak_mib();
  int number = 0;
  for (auto _ : state) {
    bool done = false;
    place.client.store({"r", "train", 1}, "file", fmt::format("{}", ++number), path, [&](auto how) {
      if (!how) state.SkipWithError(how.error().message.c_str());
      done = true;
    });
    place.until(done);
    std::filesystem::remove_all(place.files / "objects");
  }
  finish(state, before);
}
BENCHMARK(BM_Store)->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(2);

void BM_Fetch(benchmark::State& state) {
  Place place;
  const std::string path = place.file("made");
  const std::string sha256 = *sha256_file(path);
  std::filesystem::create_directories(place.files / "objects");
  std::filesystem::rename(path, place.files / ("objects/" + sha256));
  forget_peak();
  const double before = peak_mib();
  for (auto _ : state) {
    bool done = false;
    place.client.fetch("file", sha256, place.files / "there", [&](auto how) {
      if (!how) state.SkipWithError(how.error().message.c_str());
      done = true;
    });
    place.until(done);
  }
  finish(state, before);
}
BENCHMARK(BM_Fetch)->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(2);

void digest(benchmark::State& state, bulk::Hasher& hasher) {
  const std::string piece = noise(256u << 10, 1);
  for (auto _ : state) hasher.update(piece);
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * piece.size()));
}
void BM_DigestOfTheSidecar(benchmark::State& state) { digest(state, *bulk::sodium_hasher()); }
BENCHMARK(BM_DigestOfTheSidecar);
void BM_DigestOfTheHub(benchmark::State& state) {
  Sha256 sha256;
  const std::string piece = noise(256u << 10, 1);
  for (auto _ : state) sha256.update(piece);
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * piece.size()));
}
BENCHMARK(BM_DigestOfTheHub);

}  // namespace
}  // namespace scanflow::hub
