// The state machine alone: 100,000 steps whose attempts end at once. What is measured is one whole
// run, from the plan to run_ended; `time/step` and `bytes/step` (beyond the plan) are counters.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include "engine/run/machine.hpp"
#include "tests/support/big_plans.hpp"

namespace scanflow::run {
namespace {

using support::chain;
using support::layers;
using support::wide;

/// As the engine's loop does it: what is decided is kept, what is launched ends at once.
std::vector<Event> run(const std::shared_ptr<const pipeline::Plan>& plan, std::uint32_t slots) {
  Machine machine(plan, 1);
  std::vector<Event> log;
  log.push_back({.type = EventType::run_created});
  machine.apply(log.back());
  std::int64_t now = 1;
  while (machine.status() == RunStatus::running) {
    const Decisions decided = machine.decide(++now, slots);
    log.insert(log.end(), decided.events.begin(), decided.events.end());
    for (const Effect& effect : decided.effects) {
      log.push_back({.type = EventType::attempt_ended,
                     .step = effect.step,
                     .attempt = effect.attempt,
                     .time_us = now});
      machine.apply(log.back());
    }
  }
  return log;
}

void report(benchmark::State& state, std::size_t steps) {
  state.counters["time/step"] =
      benchmark::Counter(static_cast<double>(steps), benchmark::Counter::kIsIterationInvariantRate |
                                                         benchmark::Counter::kInvert);
}

void BM_Layers(benchmark::State& state) {
  const auto plan = layers();
  for (auto _ : state) {
    benchmark::DoNotOptimize(run(plan, static_cast<std::uint32_t>(state.range(0))));
  }
  report(state, plan->steps.size());
}
BENCHMARK(BM_Layers)->Arg(2)->Arg(100)->Unit(benchmark::kMillisecond)->Name("layers/slots");

void BM_Chain(benchmark::State& state) {
  const auto plan = chain();
  for (auto _ : state) benchmark::DoNotOptimize(run(plan, 2));
  report(state, plan->steps.size());
}
BENCHMARK(BM_Chain)->Unit(benchmark::kMillisecond)->Name("chain");

void BM_Wide(benchmark::State& state) {
  const auto plan = wide();
  for (auto _ : state) benchmark::DoNotOptimize(run(plan, 2));
  report(state, plan->steps.size());
}
BENCHMARK(BM_Wide)->Unit(benchmark::kMillisecond)->Name("all ready at once");

void BM_Replay(benchmark::State& state) {
  const auto plan = layers();
  const std::vector<Event> log = run(plan, 100);
  for (auto _ : state) {
    Machine machine(plan, 1);
    for (const Event& event : log) machine.apply(event);
    if (machine.status() != RunStatus::succeeded) state.SkipWithError("replay gave another end");
  }
  report(state, plan->steps.size());
}
BENCHMARK(BM_Replay)->Unit(benchmark::kMillisecond)->Name("replay of layers");

void BM_AppendText(benchmark::State& state) {
  const Event event{.type = EventType::attempt_started, .step = 1, .attempt = 1, .time_us = 1};
  std::string text;
  for (auto _ : state) {
    text.clear();
    append_text(event, "train[model=cnn1,lr=0.01]", text);
    benchmark::DoNotOptimize(text.data());
  }
}
BENCHMARK(BM_AppendText)->Name("append_text");

void BM_FromText(benchmark::State& state) {
  const Event event{.type = EventType::attempt_started, .step = 1, .attempt = 1, .time_us = 1};
  std::string text;
  append_text(event, "train[model=cnn1,lr=0.01]", text);
  for (auto _ : state) benchmark::DoNotOptimize(from_json(json::parse(text)));
}
BENCHMARK(BM_FromText)->Name("from_json of text");

/// What the machine holds while nothing has started.
void BM_WaitingMemory(benchmark::State& state) {
  const auto plan = layers();
  std::size_t bytes = 0;
  for (auto _ : state) {
    const std::size_t before = ::mallinfo2().uordblks + ::mallinfo2().hblkhd;
    Machine machine(plan, 1);
    machine.apply({.type = EventType::run_created});
    bytes = ::mallinfo2().uordblks + ::mallinfo2().hblkhd - before;
    benchmark::DoNotOptimize(machine.running());
  }
  state.counters["bytes/step"] =
      static_cast<double>(bytes) / static_cast<double>(plan->steps.size());
}
BENCHMARK(BM_WaitingMemory)->Unit(benchmark::kMillisecond)->Name("create, waiting");

}  // namespace
}  // namespace scanflow::run
