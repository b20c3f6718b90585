// A command to a sidecar in another process and back, over TCP with CURVE; beside it raw ZeroMQ's round
// trip (the anchor).
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <semaphore>

#include "engine/store/store.hpp"
#include "tests/bench/hub_place.hpp"
#include "tests/bench/other_process.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::bench {
namespace {

constexpr int kTrips = 3000;

void percentiles(benchmark::State& state, std::vector<double> trips) {
  std::sort(trips.begin(), trips.end());
  double sum = 0;
  for (const double each : trips) sum += each;
  state.SetIterationTime(sum * 1e-6);
  state.counters["p50_us"] = trips[trips.size() / 2];
  state.counters["p99_us"] = trips[trips.size() * 99 / 100];
}

/// Journals a command (written, not synced), and says at once that it is done.
void obey(const std::string& endpoint, const AllKeys& keys) {
  const test::TempDir files;
  const int journal = ::open((files / "journal").c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
  zmq::context_t context;
  Sidecar* self = nullptr;
  link::SessionEvents events;
  events.command = [&](const protocol::Command& command) {
    const std::string line = command.id + " RECEIVED\n" + command.id + " DONE\n";
    if (::write(journal, line.data(), line.size()) < 0) return;
    self->session.received(command.id);
    self->outbox.add(protocol::Outcome{.id = command.id, .outcome = "DONE"});
  };
  Sidecar sidecar(context, endpoint, keys, "pod", std::move(events));
  self = &sidecar;
  for (;;) {
    zmq::pollitem_t item{sidecar.dealer.socket().handle(), 0, ZMQ_POLLIN, 0};
    zmq::poll(&item, 1, std::chrono::milliseconds(50));
    sidecar.dealer.exchange(sidecar.session, monotonic_us());
  }
}

store::Batch one_event(std::int64_t seq) {
  store::Batch batch;
  batch.add_event("0193f2c1-0000-7000-8000-000000000001", seq) +=
      R"({"type":"command","id":"c1","primitive":"pause","outcome":"DONE"})";
  return batch;
}

/// Committed, sent, journalled, done, told, and committed.
void command(benchmark::State& state) {
  const AllKeys keys;
  for (auto _ : state) {
    const OtherProcess sidecar([&](const std::string& endpoint) { obey(endpoint, keys); });
    const test::TempDir files;
    auto store = std::move(*store::Store::open(files.path(), store::Durability::process));
    std::atomic<std::int64_t> seq = 0;
    std::counting_semaphore<> done(0);
    CountingHub* self = nullptr;
    hub::HubEvents events;
    events.delivery = [&](const hub::SidecarKey& key, std::uint64_t number, const auto&) {
      store->commit(one_event(++seq), [&, key, number](const Result<void>& committed) {
        if (!committed) std::abort();
        done.release();
        self->hub->post(
            [=](hub::Core& core, std::int64_t now) { core.delivered(key, number, now); });
      });
    };
    CountingHub hub(keys, {}, std::move(events));
    self = &hub;
    sidecar.begin(hub.hub->tcp());
    if (!until([&] { return hub.attached == 1; })) return state.SkipWithError("not attached");
    std::vector<double> trips;
    for (std::int64_t i = 1; i <= kTrips; ++i) {
      const std::int64_t from_us = monotonic_us();
      store->commit(one_event(++seq), [&, i](const Result<void>&) {
        hub.hub->post([i](hub::Core& core, std::int64_t now) {
          (void)core.command({"user", "pod"}, {.id = std::to_string(i), .deadline_us = 60'000'000},
                             now);
        });
      });
      if (!done.try_acquire_for(std::chrono::seconds(10))) return state.SkipWithError("no outcome");
      trips.push_back(static_cast<double>(monotonic_us() - from_us));
      ::poll(nullptr, 0, 1);  // commands come one by one
    }
    percentiles(state, std::move(trips));
  }
}
BENCHMARK(command)->Iterations(1)->UseManualTime()->Unit(benchmark::kSecond);

void raw_round_trip(benchmark::State& state) {
  const AllKeys all;
  const AllKeys* keys = state.range(0) != 0 ? &all : nullptr;
  for (auto _ : state) {
    const OtherProcess peer([&](const std::string& endpoint) {
      zmq::context_t context;
      zmq::socket_t socket = raw_dealer(context, endpoint, keys);
      socket.send(zmq::str_buffer("hello"), zmq::send_flags::none);
      for (zmq::message_t each; socket.recv(each);) socket.send(each, zmq::send_flags::none);
    });
    zmq::context_t context;
    zmq::socket_t router = raw_router(context, keys);
    router.set(zmq::sockopt::rcvtimeo, 10'000);
    peer.begin(router.get(zmq::sockopt::last_endpoint));
    zmq::message_t id, bytes;
    if (!router.recv(id) || !router.recv(bytes)) return state.SkipWithError("not connected");
    const std::string to = id.to_string(), text(100, 'x');
    std::vector<double> trips;
    for (int i = 0; i < kTrips; ++i) {
      const std::int64_t from_us = monotonic_us();
      router.send(zmq::buffer(to), zmq::send_flags::sndmore);
      router.send(zmq::buffer(text), zmq::send_flags::none);
      if (!router.recv(id) || !router.recv(bytes)) return state.SkipWithError("no answer");
      trips.push_back(static_cast<double>(monotonic_us() - from_us));
      ::poll(nullptr, 0, 1);
    }
    percentiles(state, std::move(trips));
  }
}
BENCHMARK(raw_round_trip)
    ->ArgName("curve")
    ->Arg(0)
    ->Arg(1)
    ->Iterations(1)
    ->UseManualTime()
    ->Unit(benchmark::kSecond);

}  // namespace
}  // namespace scanflow::bench
