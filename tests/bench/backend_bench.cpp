// What a backend costs a step, without the engine.
#include <benchmark/benchmark.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>

#include "engine/backend/backend.hpp"
#include "sidecar/protocol/stream.hpp"
#include "tests/support/strand.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::backend {
namespace {

class Place {
 public:
  Options options(std::uint32_t slots) const {
    std::filesystem::create_directories(files_ / "state");
    std::filesystem::create_directories(files_ / "sockets");
    Options options;
    options.state_directory = (files_ / "state").string();
    options.socket_directory = (files_ / "sockets").string();
    options.worker = std::string(SCANFLOW_BINARY_DIR) + "/bin/scanflow-worker";
    options.slots = slots;
    return options;
  }
  std::string logs() const { return (files_ / "state/logs").string(); }

 private:
  test::TempDir files_;
};

RequestPtr request(int number, const char* uses, const char* config, const std::string& logs) {
  auto result = std::make_shared<protocol::Request>();
  result->id = {"0193f2c1-0000-7000-8000-000000000000", "step-" + std::to_string(number), 1};
  result->uses = uses;
  result->config = config;
  result->log_dir = logs;
  return result;
}

std::vector<RequestPtr> requests(int count, const char* uses, const char* config,
                                 const std::string& logs) {
  std::vector<RequestPtr> result;
  result.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) result.push_back(request(i, uses, config, logs));
  return result;
}

/// Keeps `width` attempts in flight, as the engine does, until all have ended.
class Driver {
 public:
  explicit Driver(std::vector<RequestPtr> all) : all_(std::move(all)) {}

  void take(std::vector<Report> reports) {
    std::vector<RequestPtr> next;
    std::vector<protocol::AttemptId> done;
    {
      const std::lock_guard lock(mutex_);
      for (const Report& report : reports) {
        const auto* ended = std::get_if<protocol::Ended>(&report);
        if (ended == nullptr) continue;
        if (ended->result.status != "succeeded") failed_ = ended->result.message;
        done.push_back(ended->result.id);
        ++ended_;
        if (next_ < all_.size()) next.push_back(all_[next_++]);
      }
    }
    for (const auto& id : done) backend_->acknowledge(id);
    if (!next.empty()) backend_->launch(std::move(next));
    if (ended_ == all_.size()) changed_.notify_all();
  }

  void start(Backend& backend, std::size_t width) {
    backend_ = &backend;
    std::vector<RequestPtr> first(
        all_.begin(), all_.begin() + static_cast<std::ptrdiff_t>(std::min(width, all_.size())));
    next_ = first.size();
    backend.launch(std::move(first));
  }

  std::string wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ended_ == all_.size(); });
    return failed_;
  }

 private:
  std::vector<RequestPtr> all_;
  Backend* backend_ = nullptr;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t next_ = 0;
  std::atomic<std::size_t> ended_ = 0;
  std::string failed_;
};

void report_each(benchmark::State& state, int count) {
  state.counters["each"] = benchmark::Counter(
      count, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

// The anchor: posix_spawn of `true`, two at a time, nothing else.
void spawn_true(benchmark::State& state) {
  constexpr int kCount = 2000;
  for (auto _ : state) {
    int started = 0, running = 0;
    const char* argv[] = {"true", nullptr};
    while (started < kCount || running > 0) {
      while (running < 2 && started < kCount) {
        pid_t pid = 0;
        ::posix_spawn(&pid, "/usr/bin/true", nullptr, nullptr, const_cast<char**>(argv), environ);
        ++started;
        ++running;
      }
      ::waitpid(-1, nullptr, 0);
      --running;
    }
  }
  report_each(state, kCount);
}
BENCHMARK(spawn_true)->UseRealTime()->Unit(benchmark::kMillisecond);

void local_true(benchmark::State& state) {
  constexpr int kCount = 2000;
  for (auto _ : state) {
    state.PauseTiming();
    const Place place;
    Driver driver(requests(kCount, "command", R"({"argv":["true"]})", place.logs()));
    test::Strand strand;
    auto backend = make_local(place.options(2), strand.context(), [&](std::vector<Report> reports) {
      driver.take(std::move(reports));
    });
    state.ResumeTiming();
    strand.run([&] { driver.start(*backend, 2); });
    const std::string failed = driver.wait();
    state.PauseTiming();
    if (!failed.empty()) state.SkipWithError(failed.c_str());
    strand.run([&] { backend.reset(); });
    state.ResumeTiming();
  }
  report_each(state, kCount);
}
BENCHMARK(local_true)->UseRealTime()->Unit(benchmark::kMillisecond);

// By the thousand, as the engine launches them; they end within launch.
void inproc_noop(benchmark::State& state) {
  constexpr int kCount = 100'000;
  constexpr int kAtOnce = 1000;
  const Place place;
  const auto all = requests(kCount, "noop", "{}", place.logs());
  std::size_t ended = 0;
  const auto backend = make_inproc(
      place.options(2), [&](const std::vector<Report>& reports) { ended += reports.size(); });
  for (auto _ : state) {
    for (auto first = all.begin(); first != all.end(); first += kAtOnce) {
      backend->launch({first, first + kAtOnce});
    }
  }
  if (ended != state.iterations() * all.size()) state.SkipWithError("not all ended");
  report_each(state, kCount);
}
BENCHMARK(inproc_noop)->UseRealTime()->Unit(benchmark::kMillisecond);

void encode_and_decode_a_launch(benchmark::State& state) {
  const protocol::Message message{
      {}, protocol::Launch{*request(1, "command", R"({"argv":["true"]})", "/logs")}};
  std::string bytes;
  for (auto _ : state) {
    bytes.clear();
    protocol::encode(message, bytes);
    benchmark::DoNotOptimize(protocol::decode(bytes));
  }
}
BENCHMARK(encode_and_decode_a_launch);

}  // namespace
}  // namespace scanflow::backend
