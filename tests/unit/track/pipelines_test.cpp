// What steps log is tracked, too: an experiment for each pipeline, a run for each run, and below it one for each attempt.
#include <gmock/gmock.h>

#include <future>

#include "tests/unit/track/tracking.hpp"

namespace scanflow::track {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Pipelines : public Tracking {
 protected:
  void commit(store::Batch batch) {
    std::promise<Result<void>> done;
    store_->commit(std::move(batch), [&](const Result<void>& result) { done.set_value(result); });
    const auto result = done.get_future().get();
    ASSERT_TRUE(result) << result.error().message;
  }
  static store::MetricRow metric(std::uint64_t number, double value, std::uint32_t attempt = 1,
                                 const std::string& labels = "") {
    return {.run = kRun,
            .step = "train[model=cnn]",
            .name = "loss",
            .attempt = attempt,
            .number = number,
            .at_step = static_cast<std::int64_t>(number),
            .time_us = 5'000'000 + static_cast<std::int64_t>(number),
            .value = value,
            .labels = labels};
  }
  static store::RunRow run_row(const std::string& status = "running", std::int64_t ended_us = 0) {
    return {.id = kRun,
            .pipeline = "mnist",
            .name_space = "ds",
            .status = status,
            .created_us = 4'000'000,
            .ended_us = ended_us,
            .version = 3};
  }
  static store::StepRow step_row(const std::string& status, std::uint32_t attempts) {
    return {.run = kRun,
            .id = "train[model=cnn]",
            .status = status,
            .attempts = attempts,
            .attempt = attempts,
            .started_us = 5'000'000,
            .ended_us = 6'000'000};
  }
  json search(const std::string& filter = "") {
    const json experiment = ok("experiments/get-by-name", {{"experiment_name", "ds/mnist"}});
    return ok("runs/search", {{"experiment_ids", {experiment.at("experiment").at("experiment_id")}},
                              {"filter", filter},
                              {"order_by", {"start_time"}}})
        .at("runs");
  }
  static std::string tag(const json& run, const std::string& key) {
    for (const json& each : run.at("data").at("tags"))
      if (each.at("key") == key) return each.at("value");
    return "none";
  }

  static constexpr const char* kRun = "01a22928-ff40-7c42-8000-000000000001";
};

TEST_F(Pipelines, AnAttemptThatLogsIsARunBelowThatOfItsPipeline) {
  commit({.runs = {run_row()},
          .tracked = {{kRun, "train[model=cnn]", 1, 5'000'000, R"({"lr":0.1,"model":"cnn"})",
                       R"({"epochs":5})"}},
          .metrics = {metric(1, 0.5), metric(2, 0.25)}});
  const json runs = search();
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].at("info").at("run_id"), "01a22928ff407c428000000000000001")
      << "the run's own id";
  EXPECT_EQ(runs[0].at("info").at("run_name"), "mnist");
  EXPECT_EQ(runs[0].at("data").at("params"), json::array({{{"key", "epochs"}, {"value", "5"}}}));
  EXPECT_EQ(tag(runs[0], "mlflow.source.name"), "ds/mnist@3");
  const json& attempt = runs[1];
  EXPECT_EQ(attempt.at("info").at("run_name"), "train[model=cnn]");
  EXPECT_EQ(attempt.at("info").at("status"), "RUNNING");
  EXPECT_EQ(attempt.at("info").at("start_time"), 5000);
  EXPECT_EQ(tag(attempt, "mlflow.parentRunId"), "01a22928ff407c428000000000000001");
  EXPECT_EQ(tag(attempt, "scanflow.run"), kRun);
  EXPECT_EQ(tag(attempt, "scanflow.step"), "train[model=cnn]");
  EXPECT_EQ(attempt.at("data").at("params"),
            json::array({{{"key", "lr"}, {"value", "0.1"}}, {{"key", "model"}, {"value", "cnn"}}}));
  EXPECT_EQ(attempt.at("data").at("metrics"),
            json::array({{{"key", "loss"}, {"value", 0.25}, {"timestamp", 5000}, {"step", 2}}}));
}

TEST_F(Pipelines, TheyEndAsTheirStepsAndRunsDo) {
  commit({.runs = {run_row()}, .metrics = {metric(1, 0.5)}});
  store::StepRow again = step_row("running", 2);
  again.ended_us = 0;
  commit({.steps = {again}, .metrics = {metric(1, 0.4, 2)}});
  EXPECT_EQ(search("status = 'FAILED'").at(0).at("info").at("run_name"), "train[model=cnn]")
      << "there is a second attempt";
  commit({.runs = {run_row("failed", 7'000'000)}, .steps = {step_row("succeeded", 2)}});
  EXPECT_EQ(search("status = 'FINISHED'").at(0).at("info").at("run_name"),
            "train[model=cnn] (attempt 2)");
  EXPECT_EQ(search("attributes.run_name = 'mnist'").at(0).at("info").at("end_time"), 7000);
  EXPECT_EQ(search("status = 'FAILED'").size(), 2u);
}

TEST_F(Pipelines, ThatEndWithTheirFirstMetricAreTrackedToo) {
  commit({.runs = {run_row("succeeded", 7'000'000)},
          .steps = {step_row("succeeded", 1)},
          .metrics = {metric(1, 0.5)}});
  EXPECT_EQ(search("status = 'FINISHED'").size(), 2u);
}

TEST_F(Pipelines, LabelsArePartOfTheNameThatIsShown) {
  commit({.runs = {run_row()}, .metrics = {metric(1, 0.5), metric(2, 0.4, 1, R"({"rank":"1"})")}});
  std::vector<std::string> names;
  const json runs = search("metrics.loss = 0.5");
  for (const json& each : runs.at(0).at("data").at("metrics")) names.push_back(each.at("key"));
  EXPECT_THAT(names, ElementsAre("loss", "loss/rank:1"));
  const auto rows = store_->metrics(kRun).value();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1].name, "loss");
  EXPECT_EQ(rows[1].labels, R"({"rank":"1"})");
  EXPECT_EQ(rows[1].time_us, 5'000'002);
}

TEST_F(Pipelines, AnIdThatAClientsRunHasIsLeftToIt) {
  tracker_ = std::make_unique<Tracker>(
      *store_, Tracker::Means{[] { return 1; },
                              [] { return std::string("01a22928ff407c428000000000000001"); }});
  const std::string theirs = run("0", "theirs");
  commit({.runs = {run_row()}, .metrics = {metric(1, 0.5)}});
  EXPECT_EQ(search().size(), 2u);
  EXPECT_EQ(ok("runs/get", {{"run_id", theirs}}).at("run").at("info").at("run_name"), "theirs");
}

TEST_F(Pipelines, ANameThatLooksLikeOneWithLabelsIsAnotherMetric) {
  store::MetricRow plain = metric(1, 0.25);
  plain.name = "loss/rank:1";
  commit({.runs = {run_row()}, .metrics = {plain, metric(2, 0.5, 1, R"({"rank":"1"})")}});
  const auto rows = store_->metrics(kRun).value();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].labels, R"({"rank":"1"})");
  EXPECT_EQ(rows[1].name, "loss/rank:1");
}

TEST_F(Pipelines, AnAttemptBeforeThatLoggedNothingMoreHasFailed) {
  commit({.runs = {run_row()}, .metrics = {metric(1, 0.5)}});
  commit({.steps = {step_row("succeeded", 2)}});  // the second logs nothing
  const json failed = search("status = 'FAILED'");
  ASSERT_EQ(failed.size(), 1u);
  EXPECT_EQ(failed[0].at("info").at("end_time"), 5000) << "it logged until then";
}

TEST_F(Pipelines, ModelsWithOddTagsAreRegistered) {
  for (const char* tags :
       {R"({"a\u0000b":1,"a\u0000c":2})", R"({"a":null})", "null", "[1]", "x", ""}) {
    const auto registered = store_->register_model({.name = "odd",
                                                    .sha256 = "aa",
                                                    .run = kRun,
                                                    .step = tags,
                                                    .attempt = 1,
                                                    .tags = tags,
                                                    .lineage = "x"});
    EXPECT_TRUE(registered) << tags << registered.error().message;
  }
  commit({.runs = {run_row()}});
}

TEST_F(Pipelines, WithoutMetricsNothingIsTracked) {
  commit({.runs = {run_row("succeeded", 7'000'000)}, .steps = {step_row("succeeded", 1)}});
  EXPECT_EQ(answer("experiments/get-by-name", {{"experiment_name", "ds/mnist"}}).error().code,
            Code::does_not_exist);
}

TEST_F(Pipelines, ADeletedRunIsNotTrackedAnyMore) {
  commit({.runs = {run_row("succeeded", 7'000'000)}, .metrics = {metric(1, 0.5), metric(2, 0.4)}});
  ASSERT_TRUE(store_->delete_runs({kRun}));
  EXPECT_THAT(search(), IsEmpty());
  EXPECT_THAT(store_->metrics(kRun).value(), IsEmpty());
}

TEST_F(Pipelines, AModelNamesTheRunThatHasMadeIt) {
  commit({.runs = {run_row()}, .metrics = {metric(1, 0.5)}});
  ASSERT_TRUE(store_->register_model({.name = "cnn",
                                      .sha256 = "aa",
                                      .run = kRun,
                                      .step = "register",
                                      .attempt = 1,
                                      .lineage = R"({"made_by":"train[model=cnn]"})"}));
  const json version =
      ok("model-versions/get", {{"name", "cnn"}, {"version", 1}}).at("model_version");
  EXPECT_EQ(ok("runs/get", {{"run_id", version.at("run_id")}}).at("run").at("info").at("run_name"),
            "train[model=cnn]");
}

}  // namespace
}  // namespace scanflow::track
