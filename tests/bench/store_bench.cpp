// The store: events and step rows, batched and one commit each; beside it what SQLite alone does
// with rows of the same size in one transaction (the anchor).
#include <benchmark/benchmark.h>
#include <sqlite3.h>

#include <cstdlib>
#include <filesystem>
#include <future>

#include "engine/store/artifacts.hpp"
#include "engine/store/store.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::store {
namespace {

const std::string kRun = "0193f2c1-0000-7000-8000-000000000001";
const std::string kType = "attempt_started", kStep = "s12345";
const std::string kBody =
    R"({"type":"attempt_started","time_us":1700000000000000,"step":"s12345","attempt":1})";

/// Those with the numbers [first, first + count).
Batch events(std::int64_t first, std::int64_t count) {
  Batch batch;
  for (std::int64_t i = 0; i < count; ++i) batch.add_event(kRun, first + i) += kBody;
  return batch;
}

std::unique_ptr<Store> open(const std::filesystem::path& directory, Durability durability) {
  auto store = Store::open(directory, durability);
  if (!store) {
    std::fprintf(stderr, "%s\n", store.error().message.c_str());
    std::abort();
  }
  return std::move(*store);
}

void wait_for(Store& store) {
  std::promise<void> done;
  store.commit({}, [&](const Result<void>&) { done.set_value(); });
  done.get_future().wait();
}

Durability durability_of(const benchmark::State& state) {
  return state.range(0) == 0 ? Durability::process : Durability::power;
}

/// 100,000 events in batches of 100, all queued; until the last is committed.
void BM_EventsBatched(benchmark::State& state) {
  constexpr std::int64_t kEvents = 100'000, kBatch = 100;
  for (auto _ : state) {
    state.PauseTiming();
    auto directory = std::make_unique<test::TempDir>();
    auto store = open(directory->path(), durability_of(state));
    std::vector<Batch> batches;
    for (std::int64_t i = 0; i < kEvents; i += kBatch) batches.push_back(events(i + 1, kBatch));
    state.ResumeTiming();
    for (Batch& batch : batches) store->commit(std::move(batch), nullptr);
    wait_for(*store);
    state.PauseTiming();
    store.reset();
    directory.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * kEvents);
}
BENCHMARK(BM_EventsBatched)
    ->Arg(0)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Name("events, batched/power");

/// Each waits for the one before: what a chain of steps pays at least.
void BM_OneCommitEach(benchmark::State& state) {
  const test::TempDir directory;
  const auto store = open(directory.path(), durability_of(state));
  std::int64_t seq = 0;
  for (auto _ : state) {
    std::promise<void> done;
    store->commit(events(++seq, 1), [&](const Result<void>&) { done.set_value(); });
    done.get_future().wait();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_OneCommitEach)
    ->Arg(0)
    ->Arg(1)
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Name("events, one commit each/power");

/// 2,000 tiny steps as the engine records them: two turns a step, each with two events, the step's
/// row and the run's; a turn is queued when the one before was, as when commits are overtaken.
void BM_TinySteps(benchmark::State& state) {
  constexpr std::uint32_t kSteps = 2000;
  for (auto _ : state) {
    state.PauseTiming();
    auto directory = std::make_unique<test::TempDir>();
    auto store = open(directory->path(), Durability::process);
    state.ResumeTiming();
    std::int64_t seq = 0;
    for (std::uint32_t i = 0; i < kSteps; ++i) {
      for (const char* status : {"running", "succeeded"}) {
        Batch batch = events(seq + 1, 2);
        seq += 2;
        batch.steps = {{.run = kRun,
                        .id = "s" + std::to_string(i),
                        .status = status,
                        .uses = "command",
                        .position = i,
                        .attempts = 1,
                        .started_us = 1'700'000'000'000'000,
                        .log = R"([{"attempt":1,"segment":"0","offset":0,"length":0}])"}};
        batch.runs = {{.id = kRun, .pipeline = "tiny", .status = "running", .done = i}};
        store->commit(std::move(batch), nullptr);
      }
    }
    wait_for(*store);
    state.PauseTiming();
    store.reset();
    directory.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * kSteps);
}
BENCHMARK(BM_TinySteps)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Name("2,000 tiny steps");

void BM_ReadEvents(benchmark::State& state) {
  const test::TempDir directory;
  constexpr std::int64_t kEvents = 100'000;
  auto store = open(directory.path(), Durability::process);
  for (std::int64_t i = 1; i <= kEvents; i += 100) store->commit(events(i, 100), nullptr);
  store = nullptr;
  store = open(directory.path(), Durability::process);
  for (auto _ : state) {
    const auto rows = store->events(kRun);
    if (!rows || rows->size() != kEvents) state.SkipWithError("events are missing");
  }
  state.SetItemsProcessed(state.iterations() * kEvents);
}
BENCHMARK(BM_ReadEvents)->Unit(benchmark::kMillisecond)->Name("read 100,000 events");

void BM_CacheMiss(benchmark::State& state) {
  const test::TempDir directory;
  const auto store = open(directory.path(), Durability::process);
  for (auto _ : state) benchmark::DoNotOptimize(store->cached("nothing"));
}
BENCHMARK(BM_CacheMiss)->Name("cache lookup");

/// The anchor: the same bytes through SQLite's own interface, one transaction, one thread.
void BM_RawSqlite(benchmark::State& state) {
  constexpr std::int64_t kEvents = 100'000;
  for (auto _ : state) {
    state.PauseTiming();
    auto directory = std::make_unique<test::TempDir>();
    sqlite3* handle = nullptr;
    sqlite3_stmt* insert = nullptr;
    sqlite3_open((*directory / "raw.db").c_str(), &handle);
    sqlite3_exec(handle,
                 "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                 "CREATE TABLE e (k INTEGER PRIMARY KEY, t INTEGER, a TEXT, b TEXT, c TEXT)",
                 nullptr, nullptr, nullptr);
    sqlite3_prepare_v2(handle, "INSERT INTO e VALUES (?, ?, ?, ?, ?)", -1, &insert, nullptr);
    state.ResumeTiming();
    sqlite3_exec(handle, "BEGIN", nullptr, nullptr, nullptr);
    for (std::int64_t i = 1; i <= kEvents; ++i) {
      sqlite3_bind_int64(insert, 1, i);
      sqlite3_bind_int64(insert, 2, 1'700'000'000'000'000);
      int column = 2;
      for (const std::string* text : {&kType, &kStep, &kBody}) {
        sqlite3_bind_text(insert, ++column, text->data(), static_cast<int>(text->size()),
                          SQLITE_STATIC);
      }
      sqlite3_step(insert);
      sqlite3_reset(insert);
    }
    sqlite3_exec(handle, "COMMIT", nullptr, nullptr, nullptr);
    state.PauseTiming();
    sqlite3_finalize(insert);
    sqlite3_close(handle);
    directory.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * kEvents);
}
BENCHMARK(BM_RawSqlite)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Name("anchor: SQLite, one transaction");

void BM_PutSmallFile(benchmark::State& state) {
  const test::TempDir directory;
  Artifacts artifacts(directory / "artifacts");
  std::int64_t i = 0;
  for (auto _ : state) {
    state.PauseTiming();
    std::filesystem::remove(directory / "out");
    directory.write("out", std::to_string(++i));
    state.ResumeTiming();
    if (!artifacts.put(directory / "out")) state.SkipWithError("put failed");
  }
}
BENCHMARK(BM_PutSmallFile)
    ->Iterations(2000)
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Name("put a small file");

}  // namespace
}  // namespace scanflow::store
