#include "engine/runtime/running.hpp"

#include <gtest/gtest.h>

namespace scanflow::runtime {
namespace {

using run::Event;
using run::EventType;

constexpr std::int64_t kOneSecond = 1'000'000;

TEST(Running, AgesBesideWhatOthersTook) {
  Submission submission;
  submission.file = "p.yaml";
  submission.source =
      "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: p, namespace: n}\nsteps:\n"
      "  - {name: a, uses: noop, matrix: {x: [1, 2, 3, 4]}}\n"
      "  - {name: b, uses: noop, needs: [a]}\n";
  auto prepared =
      prepare(submission, std::make_shared<const loader::Catalog>(loader::Catalog::built_in()));
  ASSERT_TRUE(prepared) << prepared.error().message;
  ActiveRun run("r", submission, *prepared, 1, Keep::in_store);
  store::Batch batch;
  const auto decide = [&](std::int64_t now_us, std::uint32_t slots) {
    for (const Event& event : run.machine().decide(now_us, slots).events) run.record(event, batch);
  };
  const auto happens = [&](EventType type, std::uint32_t step, std::uint32_t attempt,
                           std::int64_t time_us) {
    run.apply({.type = type, .step = step, .attempt = attempt, .time_us = time_us}, batch);
  };
  run.apply(run.created_event(false), batch);
  decide(kOneSecond, 3);
  happens(EventType::attempt_ended, 0, 1, 3 * kOneSecond);
  happens(EventType::hedge_requested, 1, 1, 4 * kOneSecond);
  const std::vector<bool> hedgeable(run.machine().size(), true);
  json all = running_steps(run, hedgeable, 11 * kOneSecond);
  ASSERT_EQ(all.size(), 1U) << all;
  const json expected = {
      {"run", "r"},
      {"namespace", "n"},
      {"pipeline", "p"},
      {"step", "a"},
      {"total", 4},
      {"ended", 1},
      {"hedges", 1},
      {"hedgeable", true},
      {"seconds", {2.0}},
      {"former", json::array()},
      {"running",
       {{{"step", "a[x=2]"}, {"attempt", 1}, {"seconds", 10.0}, {"hedged", true}},
        {{"step", "a[x=3]"}, {"attempt", 1}, {"seconds", 10.0}, {"hedged", false}}}}};
  EXPECT_EQ(all[0], expected) << "asked for, it counts";

  decide(5 * kOneSecond, 1);  // the second attempt
  ASSERT_EQ(run.machine().in_flight(1).size(), 2U);
  happens(EventType::attempt_ended, 1, 2, 6 * kOneSecond);
  all = running_steps(run, hedgeable, 11 * kOneSecond);
  EXPECT_EQ(all[0].at("seconds"), (json{1.0, 2.0})) << "what the attempt took that was first";
  EXPECT_EQ(all[0].at("running").size(), 1U) << "what is left of a step that has ended is not";
  EXPECT_EQ(all[0].at("hedges"), 1);
}

TEST(Running, ManyDurationsAreThinnedEvenly) {
  std::vector<double> values;
  for (int i = 1000; i >= 0; --i) values.push_back(i);
  const std::vector<double> spread = quantiles_of(values);
  ASSERT_EQ(spread.size(), 101U);
  EXPECT_EQ(spread.front(), 0);
  EXPECT_EQ(spread[50], 500);
  EXPECT_EQ(spread.back(), 1000);
}

TEST(Running, APipelineIsNamedWithOrWithoutItsNamespace) {
  EXPECT_TRUE(names_pipeline("", "n", "p"));
  EXPECT_TRUE(names_pipeline("p", "n", "p"));
  EXPECT_TRUE(names_pipeline("n/p", "n", "p"));
  EXPECT_FALSE(names_pipeline("m/p", "n", "p"));
}

}  // namespace
}  // namespace scanflow::runtime
