// The tracker with a run of a million points of one metric: logging more, and asking for what is there.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdlib>
#include <memory>

#include "engine/track/tracker.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::track {
namespace {

constexpr int kPoints = 1'000'000, kBatch = 1000;

class Million {
 public:
  Million() {
    auto opened = store::Store::open(directory_.path(), store::Durability::process);
    if (!opened) std::abort();
    store_ = std::move(*opened);
    tracker_ = std::make_unique<Tracker>(
        *store_,
        Tracker::Means{[] { return 1; }, [this] { return fmt::format("{:032x}", ++ids_); }});
    run_ = create_run();
    for (int i = 0; i < kPoints / kBatch; ++i) log_batch();
    for (int i = 0; i < 1000; ++i) {
      call("runs/log-metric", {{"run_id", create_run()}, {"key", "loss"}, {"value", i}});
    }
  }

  std::string call(const std::string& path, const json& request) {
    for (const Endpoint& each : endpoints()) {
      if (each.path != path) continue;
      auto answer = tracker_->run(*each.call, request);
      if (!answer) {
        std::fprintf(stderr, "%s\n", answer.error().message.c_str());
        std::abort();
      }
      return std::move(*answer);
    }
    std::abort();
  }
  std::string create_run() {
    return json::parse(call("runs/create", {{"experiment_id", "0"}}))
        .at("run")
        .at("info")
        .at("run_id");
  }
  void log_batch() {
    json points = json::array();
    for (int i = 0; i < kBatch; ++i, ++step_)
      points.push_back(
          {{"key", "loss"}, {"value", 1.0 / (step_ + 1)}, {"timestamp", step_}, {"step", step_}});
    call("runs/log-batch", {{"run_id", run_}, {"metrics", std::move(points)}});
  }
  const std::string& run() const { return run_; }

 private:
  const test::TempDir directory_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Tracker> tracker_;
  std::string run_;
  int ids_ = 0, step_ = 0;
};

Million& million() {
  static Million all;
  return all;
}

void BM_LogBatchOfAThousand(benchmark::State& state) {
  Million& tracker = million();
  for (auto _ : state) tracker.log_batch();
  state.SetItemsProcessed(state.iterations() * kBatch);
}
BENCHMARK(BM_LogBatchOfAThousand)->Unit(benchmark::kMillisecond)->UseRealTime();

void BM_LogOnePoint(benchmark::State& state) {
  Million& tracker = million();
  int step = 0;
  for (auto _ : state)
    tracker.call("runs/log-metric",
                 {{"run_id", tracker.run()}, {"key", "other"}, {"value", 1}, {"step", ++step}});
}
BENCHMARK(BM_LogOnePoint)->Unit(benchmark::kMicrosecond)->UseRealTime();

void BM_GetRun(benchmark::State& state) {
  for (auto _ : state) million().call("runs/get", {{"run_id", million().run()}});
}
BENCHMARK(BM_GetRun)->Unit(benchmark::kMicrosecond);

/// Argument: after how many points.
void BM_HistoryPageOfAThousand(benchmark::State& state) {
  const json request = {
      {"run_id", million().run()},
      {"metric_key", "loss"},
      {"max_results", 1000},
      {"page_token", fmt::format("after:{}:{}:0:0:0", state.range(0) * 1000, state.range(0))}};
  for (auto _ : state) million().call("metrics/get-history", request);
}
BENCHMARK(BM_HistoryPageOfAThousand)
    ->Arg(0)
    ->Arg(500'000)
    ->Arg(990'000)
    ->Unit(benchmark::kMillisecond);

void BM_WholeHistory(benchmark::State& state) {
  for (auto _ : state)
    million().call("metrics/get-history", {{"run_id", million().run()}, {"metric_key", "loss"}});
}
BENCHMARK(BM_WholeHistory)->Unit(benchmark::kMillisecond)->Iterations(1);

/// Of a thousand runs, ordered by a metric.
void BM_SearchRuns(benchmark::State& state) {
  for (auto _ : state) {
    million().call("runs/search", {{"experiment_ids", {"0"}},
                                   {"filter", "metrics.loss > 500"},
                                   {"order_by", {"metrics.loss DESC"}},
                                   {"max_results", 20}});
  }
}
BENCHMARK(BM_SearchRuns)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace scanflow::track
