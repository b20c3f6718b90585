// The hub over TCP with CURVE, its sidecars in another process; beside it raw ZeroMQ that carries the
// same bytes over as many connections (the anchors).
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <poll.h>

#include <ctime>
#include <functional>
#include <optional>

#include "tests/bench/hub_place.hpp"
#include "tests/bench/other_process.hpp"

namespace scanflow::bench {
namespace {

constexpr std::int64_t kMeasureUs = 3'000'000;
constexpr int kSidecars = 1000, kSessions = 5000;
constexpr std::size_t kBatch = 100;  // samples of one message: as many series, each second
constexpr std::size_t kBatchBytes = 1300;

double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// How much `count` grows in a while; per second, and per second of this process's CPU time.
void measure(benchmark::State& state, const std::function<std::size_t()>& count) {
  const std::size_t before = count();
  const double cpu = cpu_seconds();
  const std::int64_t from_us = monotonic_us();
  until([&] { return monotonic_us() - from_us >= kMeasureUs; });
  const auto items = static_cast<double>(count() - before);
  state.SetIterationTime(static_cast<double>(monotonic_us() - from_us) * 1e-6);
  state.SetItemsProcessed(static_cast<std::int64_t>(items));
  state.counters["per_cpu_second"] = items / (cpu_seconds() - cpu);
}

void many_options(zmq::context_t& context, int sockets) {
  context.set(zmq::ctxopt::max_sockets, sockets + 100);
}

/// All measure as fast as their credit lets them.
void produce(const std::string& endpoint, const AllKeys& keys) {
  run_on(1);
  zmq::context_t context;
  many_options(context, kSidecars);
  std::vector<std::unique_ptr<Sidecar>> sidecars;
  for (int i = 0; i < kSidecars; ++i) {
    sidecars.push_back(
        std::make_unique<Sidecar>(context, endpoint, keys, fmt::format("pod-{}", i)));
    for (std::size_t k = 0; k < kBatch; ++k)
      sidecars.back()->ring.series(fmt::format("metric_{}", k), "gauge", {});
  }
  double value = 0;
  for (;;) {
    const std::int64_t now_us = monotonic_us();
    for (auto& each : sidecars) {
      if (each->session.open() && each->ring.waiting() == 0)
        for (std::uint32_t k = 1; k <= kBatch; ++k) each->ring.add(k, now_us, value += 0.1);
      each->dealer.exchange(each->session, monotonic_us());
    }
  }
}

void telemetry(benchmark::State& state) {
  const AllKeys keys;
  for (auto _ : state) {
    const OtherProcess sidecars([&](const std::string& endpoint) { produce(endpoint, keys); });
    run_on(0);
    hub::HubLimits limits;
    limits.bytes = {1u << 30, 1u << 30};  // as fast as the hub can
    const CountingHub hub(keys, limits);
    sidecars.begin(hub.hub->tcp());
    if (!until([&] { return hub.attached >= kSidecars; }))
      return state.SkipWithError("not attached");
    measure(state, [&] { return hub.samples.load(); });
    run_on(-1);
  }
}
BENCHMARK(telemetry)->Iterations(1)->UseManualTime()->Unit(benchmark::kSecond);

void raw_messages(benchmark::State& state) {
  const AllKeys all;
  const AllKeys* keys = state.range(0) != 0 ? &all : nullptr;
  for (auto _ : state) {
    const OtherProcess peers([&](const std::string& endpoint) {
      run_on(1);
      zmq::context_t context;
      many_options(context, kSidecars);
      std::vector<zmq::socket_t> sockets;
      for (int i = 0; i < kSidecars; ++i) sockets.push_back(raw_dealer(context, endpoint, keys));
      const std::string bytes(kBatchBytes, 'x');
      for (;;)
        for (auto& socket : sockets)
          (void)socket.send(zmq::buffer(bytes), zmq::send_flags::dontwait);
    });
    run_on(0);
    zmq::context_t context;
    zmq::socket_t router = raw_router(context, keys);
    peers.begin(router.get(zmq::sockopt::last_endpoint));
    std::size_t count = 0;
    const auto take = [&](std::int64_t end_us) {
      zmq::message_t id, bytes;
      router.set(zmq::sockopt::rcvtimeo, 100);
      while (monotonic_us() < end_us)
        if (router.recv(id) && router.recv(bytes)) ++count;
    };
    take(monotonic_us() + 3'000'000);  // until all are connected
    count = 0;
    const double cpu = cpu_seconds();
    take(monotonic_us() + kMeasureUs);
    state.SetIterationTime(static_cast<double>(kMeasureUs) * 1e-6);
    state.SetItemsProcessed(static_cast<std::int64_t>(count));
    state.counters["per_cpu_second"] = static_cast<double>(count) / (cpu_seconds() - cpu);
    run_on(-1);
  }
}
BENCHMARK(raw_messages)
    ->ArgName("curve")
    ->Arg(0)
    ->Arg(1)
    ->Iterations(1)
    ->UseManualTime()
    ->Unit(benchmark::kSecond);

constexpr std::uint32_t kSeries = 50;

/// Each sends so many batches, one after the other.
void measure_some(const std::string& endpoint, const AllKeys& keys, int count,
                  std::uint64_t batches) {
  zmq::context_t context;
  many_options(context, count);
  std::vector<std::unique_ptr<Sidecar>> all;
  for (int i = 0; i < count; ++i) {
    all.push_back(std::make_unique<Sidecar>(context, endpoint, keys, fmt::format("pod-{}", i)));
    for (std::uint32_t k = 0; k < kSeries; ++k)
      all.back()->ring.series(fmt::format("metric_{}", k), "gauge", {});
  }
  for (;; ::poll(nullptr, 0, 5)) {
    for (auto& each : all) {
      link::TelemetryRing& ring = each->ring;
      if (each->session.open() && ring.waiting() == 0 &&
          ring.account().produced < batches * kSeries)
        for (std::uint32_t k = 1; k <= kSeries; ++k) ring.add(k, 1, 1.5);
      each->dealer.exchange(each->session, monotonic_us());
    }
  }
}

/// Sessions, each of which has named 50 series. Those that have said and heard much hold more: libzmq
/// keeps room for 512 messages of each direction once they were needed.
void sessions(benchmark::State& state) {
  const AllKeys keys;
  const auto count = static_cast<int>(state.range(0));
  const auto batches = static_cast<std::uint64_t>(state.range(1));
  for (auto _ : state) {
    const OtherProcess sidecars(
        [&](const std::string& endpoint) { measure_some(endpoint, keys, count, batches); });
    hub::HubLimits limits;
    limits.sessions = limits.user_sessions = static_cast<std::size_t>(count);
    limits.lease_us = 600'000'000;
    limits.credit = 2 * kSeries;  // told for each batch
    const std::size_t before = resident_bytes();
    const CountingHub hub(keys, limits);
    sidecars.begin(hub.hub->tcp());
    const std::size_t all = batches * kSeries * static_cast<std::size_t>(count);
    if (!until([&] { return hub.samples >= all; }))
      return state.SkipWithError(
          fmt::format("{} attached, {} of {} samples", hub.attached, hub.samples, all).c_str());
    state.SetIterationTime(1);
    state.counters["bytes"] = static_cast<double>(resident_bytes() - before);
    state.counters["bytes_each"] = state.counters["bytes"] / count;
  }
}
BENCHMARK(sessions)
    ->ArgNames({"count", "batches"})
    ->Args({kSessions, 1})
    ->Args({500, 600})
    ->Iterations(1)
    ->UseManualTime()
    ->Unit(benchmark::kSecond);

/// As many connections, each of which carried one message each way. curve: 2: keys are checked too, for
/// which libzmq keeps one more pair of pipes a connection.
void raw_connections(benchmark::State& state) {
  const std::string text(kBatchBytes, 'x');
  const AllKeys all;
  const AllKeys* keys = state.range(0) != 0 ? &all : nullptr;
  for (auto _ : state) {
    const OtherProcess peers([&](const std::string& endpoint) {
      zmq::context_t context;
      many_options(context, kSessions);
      std::vector<zmq::socket_t> sockets;
      for (int i = 0; i < kSessions; ++i) {
        sockets.push_back(raw_dealer(context, endpoint, keys));
        sockets.back().send(zmq::buffer(text), zmq::send_flags::none);
      }
      ::pause();
    });
    const std::size_t before = resident_bytes();
    zmq::context_t context;
    std::optional<hub::ZapHandler> zap;
    if (state.range(0) == 2) zap.emplace(context, [](const std::string&) { return "user"; });
    zmq::socket_t router = raw_router(context, keys);
    peers.begin(router.get(zmq::sockopt::last_endpoint));
    router.set(zmq::sockopt::rcvtimeo, 30'000);
    int connected = 0;
    for (; connected < kSessions; ++connected) {
      zmq::message_t id, bytes;
      if (!router.recv(id) || !router.recv(bytes)) break;
      router.send(id, zmq::send_flags::sndmore);
      router.send(zmq::buffer(text), zmq::send_flags::none);
    }
    state.SetIterationTime(1);
    state.counters["bytes"] = static_cast<double>(resident_bytes() - before);
    context.shutdown();  // the handler's thread ends by it
    if (connected < kSessions) return state.SkipWithError("not connected");
  }
}
BENCHMARK(raw_connections)
    ->ArgName("curve")
    ->Arg(0)
    ->Arg(1)
    ->Arg(2)
    ->Iterations(1)
    ->UseManualTime()
    ->Unit(benchmark::kSecond);

}  // namespace
}  // namespace scanflow::bench
