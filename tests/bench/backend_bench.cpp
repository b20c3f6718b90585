// What a backend costs a step, without the engine.
#include <benchmark/benchmark.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sidecar/protocol/stream.hpp"
#include "tests/bench/local_steps.hpp"

namespace scanflow::backend {
namespace {

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
