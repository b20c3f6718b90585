// A run of 100,000 steps that an engine left: how soon the next one goes on with it. And what an
// engine holds of steps that wait.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <condition_variable>
#include <mutex>
#include <set>
#include <string>

#include "engine/runtime/engine.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::runtime {
namespace {

constexpr int kSteps = 100'000;
constexpr const char* kRun = "0193f2c1-0000-7000-8000-000000000000";

/// 100,000 steps `noop`, and one that waits for a person: behind them, or before them.
std::string text(bool gate_first) {
  std::string axis;
  for (int i = 0; i < kSteps / 100; ++i) axis += (i > 0 ? ", " : "") + std::to_string(i);
  std::string hundred = axis.substr(0, axis.find(", 100,"));
  const std::string many = "  - {name: many, uses: noop, matrix: {x: [" + hundred + "], y: [" +
                           axis + "]}" + (gate_first ? ", needs: [gate]" : "") + "}\n";
  const std::string gate =
      std::string("  - {name: gate, approve: true") + (gate_first ? "" : ", needs: [many]") + "}\n";
  return "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: bench}\nsteps:\n" +
         (gate_first ? gate + many : many + gate);
}

/// What an engine tells.
class Told {
 public:
  Client client() {
    Client client;
    client.listener = [this](const Update& update) {
      const std::lock_guard lock(mutex_);
      const std::string type = update->at("type");
      kinds_.insert(type);
      if (type == "event") kinds_.insert(update->at("event").at("type").get<std::string>());
      if (type == "rejected") problem_ = update->at("message");
      changed_.notify_all();
      return true;
    };
    return client;
  }
  /// "" or why it will not come.
  std::string wait_for(const std::string& kind) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return kinds_.count(kind) > 0 || !problem_.empty(); });
    return problem_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> kinds_;
  std::string problem_;
};

Submission submission(bool gate_first) {
  Submission result;
  result.run = kRun;
  result.file = "bench.yaml";
  result.source = text(gate_first);
  result.options.backend = "inproc";
  result.options.jobs = 64;
  return result;
}

std::unique_ptr<Engine> make_engine(const std::filesystem::path& directory, bool durable) {
  EngineOptions options;
  options.state = {directory, directory};
  options.jobs = 64;
  if (durable) options.store = store::Store::open(directory, store::Durability::process).value();
  return std::make_unique<Engine>(std::move(options));
}

/// From a store that is open to a run that is followed.
void recover(benchmark::State& state) {
  const test::TempDir files;
  {
    Told told;
    auto engine = make_engine(files.path(), true);
    engine->submit(submission(false), std::nullopt, told.client());
    const std::string problem = told.wait_for("approval_requested");
    if (!problem.empty()) return state.SkipWithError(problem.c_str());
  }
  for (auto _ : state) {
    state.PauseTiming();
    Told told;
    auto engine = make_engine(files.path(), true);
    state.ResumeTiming();
    engine->attach(kRun, told.client());
    const std::string problem = told.wait_for("accepted");
    state.PauseTiming();
    if (!problem.empty()) return state.SkipWithError(problem.c_str());
    engine.reset();
    state.ResumeTiming();
  }
  state.SetLabel("200,000 events");
}
BENCHMARK(recover)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->Iterations(3)
    ->Name("recover a run of 100,000 steps");

void read_events(benchmark::State& state) {
  const test::TempDir files;
  {
    Told told;
    auto engine = make_engine(files.path(), true);
    engine->submit(submission(false), std::nullopt, told.client());
    told.wait_for("approval_requested");
  }
  const auto store = store::Store::open_read_only(files.path()).value();
  for (auto _ : state) benchmark::DoNotOptimize(store->events(kRun)->size());
}
BENCHMARK(read_events)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->Name("anchor: its events are read");

/// What the engine holds of each step beyond the plan, which the submitter made.
void waiting(benchmark::State& state) {
  const auto allocated = [] {
    const auto info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
  };
  for (auto _ : state) {
    const test::TempDir files;
    Told told;
    auto engine = make_engine(files.path(), false);
    const auto catalog = std::make_shared<const loader::Catalog>(loader::Catalog::built_in());
    auto prepared = prepare(submission(true), catalog);
    if (!prepared) return state.SkipWithError(prepared.error().message.c_str());
    const std::size_t before = allocated();
    engine->submit(submission(true), std::move(*prepared), told.client());
    const std::string problem = told.wait_for("approval_requested");
    if (!problem.empty()) return state.SkipWithError(problem.c_str());
    state.counters["bytes/step"] = static_cast<double>(allocated() - before) / kSteps;
  }
}
BENCHMARK(waiting)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->Iterations(1)
    ->Name("100,000 steps wait");

}  // namespace
}  // namespace scanflow::runtime
