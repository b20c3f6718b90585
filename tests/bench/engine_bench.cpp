// The whole engine: 100,000 `noop` steps through the plugin boundary, in process, from the checked
// plan to run_ended. Volatile keeps all states and events in memory; durable commits each event
// before anyone acts on it.
#include <benchmark/benchmark.h>

#include <future>

#include "engine/runtime/engine.hpp"
#include "tests/support/big_plans.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::runtime {
namespace {

enum class Kind { in_memory, process, power };

/// Seconds from the submission to the end of the run.
void run(benchmark::State& state, const std::shared_ptr<const pipeline::Plan>& plan,
         std::uint32_t jobs, Kind kind) {
  const auto catalog = std::make_shared<const loader::Catalog>(loader::Catalog::built_in());
  for (auto _ : state) {
    state.PauseTiming();
    const test::TempDir files;
    EngineOptions options;
    options.state = {files.path(), files.path()};
    options.jobs = jobs;
    if (kind != Kind::in_memory) {
      auto store =
          store::Store::open(files.path(), kind == Kind::power ? store::Durability::power
                                                               : store::Durability::process);
      if (!store) return state.SkipWithError(store.error().message.c_str());
      options.store = std::move(*store);
    }
    Submission submission;
    submission.run = "0193f2c1-0000-7000-8000-000000000000";
    submission.options.backend = "inproc";
    submission.options.jobs = jobs;
    std::promise<std::string> finished;
    Client client;
    client.every_event = false;
    client.listener = [&](const Update& update) {
      if (update->at("type") == "finished") finished.set_value(update->at("result").at("status"));
      if (update->at("type") == "rejected") finished.set_value(update->at("message"));
      return true;
    };
    auto engine = std::make_unique<Engine>(std::move(options));
    state.ResumeTiming();
    engine->submit(std::move(submission), Prepared{plan, catalog}, std::move(client));
    const std::string status = finished.get_future().get();
    state.PauseTiming();
    if (status != "succeeded") state.SkipWithError(status.c_str());
    engine.reset();
    state.ResumeTiming();
  }
  state.counters["us/step"] = benchmark::Counter(
      static_cast<double>(state.iterations()) * static_cast<double>(plan->steps.size()) / 1e6,
      benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

BENCHMARK_CAPTURE(run, layers_volatile, support::layers(), 64, Kind::in_memory)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->Iterations(3);
BENCHMARK_CAPTURE(run, chain_volatile, support::chain(), 64, Kind::in_memory)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->Iterations(1);
BENCHMARK_CAPTURE(run, layers_durable, support::layers(), 64, Kind::process)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->Iterations(1);
BENCHMARK_CAPTURE(run, layers_durable_power, support::layers(), 64, Kind::power)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->Iterations(1);

}  // namespace
}  // namespace scanflow::runtime
