// Events that are told in the transaction that makes them true.
#include "engine/store/happenings.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <nlohmann/json.hpp>

#include "engine/store/execute.hpp"
#include "tests/unit/store/store_fixture.hpp"

namespace scanflow::store {
namespace {

using nlohmann::json;

class Happenings : public StoreFixture {
 protected:
  /// "TYPE DEPTH PAYLOAD" of all.
  std::vector<std::string> told() const {
    std::vector<std::string> all;
    const auto read = store_->read([&](const Connection& connection) -> Result<void> {
      auto rows = collect_column<std::string>(
          connection, "SELECT type || ' ' || depth || ' ' || payload FROM happenings ORDER BY seq");
      if (!rows) return tl::unexpected(rows.error());
      all = std::move(*rows);
      return {};
    });
    EXPECT_TRUE(read) << read.error().message;
    return all;
  }
  void end(const std::string& run, const std::string& trigger = "cli",
           const std::string& parent = "") {
    Batch batch;
    RunRow row;
    row.id = run;
    row.name_space = "ns";
    row.pipeline = "train";
    row.status = "succeeded";
    row.trigger = trigger;
    row.parent = parent;
    row.ended_us = 7;
    row.outputs = R"({"accuracy": 0.9})";
    batch.runs.push_back(row);
    ASSERT_TRUE(commit(std::move(batch)));
  }
};

TEST_F(Happenings, ARunThatEndsIsToldOnce) {
  std::atomic<int> calls = 0;
  store_->on_happening([&] { ++calls; });
  end("r1");
  end("r1");
  end("r2", "pipeline", "r1");
  const auto all = told();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0],
            R"(run.ended 0 {"name":"train","namespace":"ns","outputs":{"accuracy":0.9},"run":"r1",)"
            R"("status":"succeeded","summary":"","trigger":"cli"})");
  EXPECT_EQ(calls, 1);
  store_->on_happening({});
  end("r3");
  EXPECT_EQ(calls, 1);
}

TEST_F(Happenings, WhatFollowsFromADecisionIsAsFarFromTheFirst) {
  ASSERT_TRUE(store_->write([](Connection& connection) -> Result<void> {
    const auto added = change(connection,
                              "INSERT INTO decisions VALUES (NULL, 'd1', 'ns/a', 'r', 1, 'act', "
                              "'acting', '', '', 0, 4, '{}', '[]')");
    if (!added) return tl::unexpected(added.error());
    return {};
  }));
  end("r1", trigger_of("ns/a", "d1"));
  ASSERT_TRUE(store_->register_model({.name = "m", .sha256 = "s", .run = "r1", .time_us = 5'000}));
  const auto all = told();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_THAT(all[0], testing::AllOf(testing::StartsWith("run.ended 4 "),
                                     testing::HasSubstr(R"("agent":"ns/a","decision":"d1")")));
  EXPECT_THAT(all[1],
              testing::StartsWith(R"(model.version 4 {"metrics":{},"name":"m","run":"r1")"));
}

TEST_F(Happenings, TwoOfOneOriginAreOne) {
  std::int64_t first = 0, again = 0, other = 0;
  ASSERT_TRUE(store_->write([&](Connection& connection) -> Result<void> {
    first = *add_happening(connection, {.type = "a", .origin = "o"});
    again = *add_happening(connection, {.type = "a", .origin = "o"});
    other = *add_happening(connection, {.type = "a"});
    return {};
  }));
  EXPECT_EQ(first, again);
  EXPECT_GT(other, first);
}

TEST_F(Happenings, ATrackedRunThatEndsSaysHowItWent) {
  Batch batch;
  RunRow row;
  row.id = "r1";
  row.name_space = "ns";
  row.pipeline = "train";
  batch.runs.push_back(row);
  batch.tracked.push_back({"r1", "fit", 1, 1'000'000, R"({"model": "cnn1"})", "{}"});
  batch.metrics.push_back({.run = "r1", .step = "fit", .name = "loss", .attempt = 1, .value = 0.5});
  ASSERT_TRUE(commit(std::move(batch)));
  Batch ended;
  StepRow step;
  step.run = "r1";
  step.id = "fit";
  step.status = "succeeded";
  step.attempts = step.attempt = 1;
  step.ended_us = 2'000'000;
  ended.steps.push_back(step);
  ASSERT_TRUE(commit(std::move(ended)));
  const auto all = told();
  ASSERT_EQ(all.size(), 1U);
  const json payload = json::parse(all[0].substr(std::string("tracked_run.ended 0 ").size()));
  EXPECT_EQ(payload.at("experiment"), "ns/train");
  EXPECT_EQ(payload.at("status"), "FINISHED");
  EXPECT_EQ(payload.at("metrics"), (json{{"loss", 0.5}}));
  EXPECT_EQ(payload.at("params"), (json{{"model", "cnn1"}}));
}

}  // namespace
}  // namespace scanflow::store
