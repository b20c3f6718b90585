// The store after a long life: what is asked of 100,000 runs, what deleting costs, and how long
// others wait meanwhile.
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <thread>

#include "engine/store/garbage.hpp"
#include "sdk/base/clock.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::store {
namespace {

constexpr std::int64_t kStart = 1'700'000'000'000'000;

std::unique_ptr<Store> open(const std::filesystem::path& directory) {
  auto store = Store::open(directory, Durability::process);
  if (!store) {
    std::fprintf(stderr, "%s\n", store.error().message.c_str());
    std::abort();
  }
  return std::move(*store);
}

void commit(Store& store, Batch batch) {
  std::promise<void> done;
  store.commit(std::move(batch), [&](const Result<void>&) { done.set_value(); });
  done.get_future().wait();
}

std::string id_of(std::int64_t number) {
  return "0193f2c1-0000-7000-8000-" + std::to_string(100'000'000'000 + number);
}

/// 100,000 finished runs in ten namespaces, and three that are not.
Batch many_runs() {
  constexpr std::int64_t kRuns = 100'000;
  Batch batch;
  for (std::int64_t i = 0; i < kRuns + 3; ++i) {
    batch.runs.push_back({.id = id_of(i),
                          .pipeline = "train",
                          .name_space = "team" + std::to_string(i % 10),
                          .status = i < kRuns ? "succeeded" : "running",
                          .file = "train.yaml",
                          .backend = "local",
                          .summary = "succeeded",
                          .created_us = kStart + i,
                          .ended_us = i < kRuns ? kStart + i + 1 : 0,
                          .labels = R"({"team":"data","seed":")" + std::to_string(i) + "\"}"});
  }
  return batch;
}

/// `ask` must give this many runs.
template <class Ask>
void ask_of_many(benchmark::State& state, std::size_t expected, Ask ask) {
  const test::TempDir directory;
  const auto store = open(directory.path());
  commit(*store, many_runs());
  for (auto _ : state) {
    const auto runs = ask(*store);
    if (!runs || runs->size() != expected) state.SkipWithError("other runs");
  }
}

void BM_Unfinished(benchmark::State& state) {
  ask_of_many(state, 3, [](const Store& store) { return store.unfinished(); });
}
BENCHMARK(BM_Unfinished)->Unit(benchmark::kMicrosecond)->Name("unfinished of 100,000 runs");

void BM_Page(benchmark::State& state) {
  const RunFilter page{
      .name_space = "team7", .after = RunCursor{kStart + 50'000, "x"}, .limit = 20};
  ask_of_many(state, 20, [&](const Store& store) { return store.runs(page); });
}
BENCHMARK(BM_Page)->Unit(benchmark::kMicrosecond)->Name("page of 20 of 100,000 runs");

void BM_RareLabel(benchmark::State& state) {
  const RunFilter rare{.labels = LabelSelector::parse("team=data,seed=1").value()};
  ask_of_many(state, 1, [&](const Store& store) { return store.runs(rare); });
}
BENCHMARK(BM_RareLabel)->Unit(benchmark::kMillisecond)->Name("one label among 100,000 runs");

/// A run as the engine leaves it: three events and a row for each step.
Batch run_of(std::int64_t steps) {
  Batch batch;
  batch.runs.push_back({.id = id_of(0), .status = "succeeded", .created_us = 1, .ended_us = 2});
  for (std::int64_t i = 0; i < steps; ++i) {
    for (std::int64_t event = 1; event <= 3; ++event) {
      batch.add_event(id_of(0), i * 3 + event) +=
          R"({"type":"attempt_started","time_us":1,"step":"s","attempt":1})";
    }
    batch.steps.push_back({.run = id_of(0),
                           .id = "s" + std::to_string(i),
                           .status = "succeeded",
                           .uses = "noop",
                           .position = static_cast<std::uint32_t>(i),
                           .outputs = R"({"x":1})",
                           .log = R"([{"attempt":1,"segment":"0","offset":0,"length":0}])"});
  }
  return batch;
}

/// The counter: the longest that a commit of one event, made all the while, took.
void BM_DeleteRun(benchmark::State& state) {
  double longest_ms = 0;
  for (auto _ : state) {
    state.PauseTiming();
    auto directory = std::make_unique<test::TempDir>();
    auto store = open(directory->path());
    commit(*store, run_of(100'000));
    commit(*store, {});  // after what the large one left to do
    std::atomic<bool> over{false};
    std::jthread other([&] {
      for (std::int64_t seq = 1; !over; ++seq) {
        const std::int64_t start_us = monotonic_us();
        commit(*store, {.events = {{"other", seq, 1, "{}"}}});
        longest_ms = std::max(longest_ms, static_cast<double>(monotonic_us() - start_us) / 1e3);
      }
    });
    state.ResumeTiming();
    if (!store->delete_runs({id_of(0)})) state.SkipWithError("not deleted");
    state.PauseTiming();
    over = true;
    other.join();
    store.reset();
    directory.reset();
    state.ResumeTiming();
  }
  state.counters["longest other commit, ms"] = longest_ms;
}
BENCHMARK(BM_DeleteRun)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Name("delete a run of 100,000 steps");

/// 10,000 artifacts, a tenth of them directories of ten files; half of all are referenced.
void BM_CollectGarbage(benchmark::State& state) {
  constexpr int kArtifacts = 10'000;
  for (auto _ : state) {
    state.PauseTiming();
    auto directory = std::make_unique<test::TempDir>();
    auto store = open(directory->path());
    const Artifacts artifacts(*directory / "artifacts");
    Batch batch{.runs = {{.id = "r", .ended_us = 1}}};
    for (int i = 0; i < kArtifacts; ++i) {
      const std::string name = "out" + std::to_string(i);
      for (int file = 0; i % 10 == 0 && file < 10; ++file) {
        directory->write(name + "/" + std::to_string(file), name + "/" + std::to_string(file));
      }
      if (i % 10 != 0) directory->write(name, name);
      const auto artifact = Artifacts(*directory / "artifacts").put(*directory / name);
      if (!artifact) state.SkipWithError("put failed");
      std::filesystem::remove_all(*directory / name);  // as its owner does
      if (i / 10 % 2 == 0) {
        batch.steps.push_back({.run = "r",
                               .id = name,
                               .position = static_cast<std::uint32_t>(i),
                               .artifacts = '"' + artifact->sha256 + '"'});
      }
    }
    commit(*store, std::move(batch));
    state.ResumeTiming();
    const auto garbage = collect_garbage(*store, artifacts, wall_us() + 1'000'000'000);
    state.PauseTiming();
    if (!garbage || garbage->directories != 500 || garbage->files != 4500 + 5000) {
      std::fprintf(stderr, "other garbage\n");
      std::abort();
    }
    store.reset();
    directory.reset();
    state.ResumeTiming();
  }
}
BENCHMARK(BM_CollectGarbage)
    ->Unit(benchmark::kMillisecond)
    ->Iterations(3)
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Name("collect half of 10,000 artifacts");

}  // namespace
}  // namespace scanflow::store
