// scale, over time: replicas that take a while to be ready, under a step, a ramp and noise.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <random>
#include <scanflow/testing.hpp>

#include "plugins/strategies/scale/law.hpp"
#include "plugins/strategies/scale/scale_strategy.hpp"

namespace scanflow::strategies {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr std::int64_t kSecondOfTest = 1'000'000;

/// What became of a run: `wanted` each 500 ms, and for how long there were too few.
struct Course {
  std::vector<std::int64_t> wanted;
  double short_s = 0;  // seconds in which the ready ones could not take the demand

  std::int64_t most() const { return *std::max_element(wanted.begin(), wanted.end()); }
  int changes() const {
    int count = 0;
    for (std::size_t i = 1; i < wanted.size(); ++i) count += wanted[i] != wanted[i - 1];
    return count;
  }
};

/// Each replica takes `target` of the demand, and 10 s to be ready.
Course simulate(const ScaleLaw& law, double seconds,
                const std::function<double(double)>& demand_at) {
  constexpr double kStep = 0.5, kStart = 10;
  ScaleState state;
  Course course;
  std::int64_t wanted = law.min;
  std::deque<double> ready_from(static_cast<std::size_t>(law.min), 0.0);
  for (double now = 0; now < seconds; now += kStep) {
    const double demand = demand_at(now);
    // What is written down is what goes on: a restart at any moment.
    state = ScaleState::read(now == 0 ? "" : state.text());
    wanted = state.decide(law, static_cast<std::int64_t>((now + 1) * 1e6), demand, wanted);
    while (static_cast<std::int64_t>(ready_from.size()) < wanted)
      ready_from.push_back(now + kStart);
    while (static_cast<std::int64_t>(ready_from.size()) > wanted) ready_from.pop_back();
    const auto ready = std::count_if(ready_from.begin(), ready_from.end(),
                                     [&](double from) { return from <= now; });
    if (static_cast<double>(ready) * law.target < demand) course.short_s += kStep;
    course.wanted.push_back(wanted);
  }
  return course;
}

ScaleLaw law_of(std::int64_t max, std::int64_t ahead_s = 0) {
  ScaleLaw law;
  law.max = max;
  law.target = 10;
  law.stabilization_us = 60 * kSecondOfTest;
  law.ahead_us = ahead_s * kSecondOfTest;
  law.smoothing_us = 5 * kSecondOfTest;
  return law;
}

TEST(ScaleStrategyPlant, AStepIsFollowedAtOnceAndNotOvershot) {
  const Course course =
      simulate(law_of(20), 300, [](double now) { return now < 50 || now > 150 ? 8.0 : 75.0; });
  EXPECT_EQ(course.most(), 8) << "75 / 10, rounded up";
  EXPECT_EQ(course.changes(), 2) << "up once, down once";
  EXPECT_EQ(course.wanted[101], 8) << "within half a second";
  EXPECT_EQ(course.wanted[2 * 200], 8) << "kept for the window";
  EXPECT_EQ(course.wanted.back(), 1);
  EXPECT_LE(course.short_s, 10.5) << "while those that were asked for start";
}

TEST(ScaleStrategyPlant, NoiseDoesNotFlap) {
  std::mt19937 random(3);
  std::normal_distribution<double> noise(0, 6);
  const Course course =
      simulate(law_of(20), 1800, [&](double) { return std::max(0.0, 45 + noise(random)); });
  // Each number is kept for a window at least: at most one fall in 60 s, and a rise for each.
  EXPECT_LE(course.changes(), 2 * 1800 / 60);
  EXPECT_LE(course.most(), 7) << "45 and four deviations of 6 are 69";
}

TEST(ScaleStrategyPlant, AForecastHasReplicasReadyWhenARampNeedsThem) {
  const auto ramp = [](double now) { return now < 30 ? 10.0 : std::min(110.0, 10 + (now - 30)); };
  ScaleLaw law = law_of(20), with_forecast = law_of(20, 12);
  law.tolerance = with_forecast.tolerance = 0;  // it would eat what the forecast gains
  const Course late = simulate(law, 250, ramp);
  const Course ahead = simulate(with_forecast, 250, ramp);
  EXPECT_GT(late.short_s, 50) << "without one there are always too few on the way up";
  EXPECT_LT(ahead.short_s, late.short_s / 2) << "once the trend is known";
  // What it overshoots by is at most trend * ahead / target, here 1 a second * 12 / 10.
  EXPECT_LE(ahead.most(), 11 + 2);
  EXPECT_LE(ahead.wanted.back(), 12) << "the level rings a little";
}

TEST(ScaleStrategyPlant, WithinTheToleranceNothingIsChanged) {
  const Course course =
      simulate(law_of(20), 600, [](double now) { return now < 300 ? 38.0 : 43.0; });
  EXPECT_EQ(course.wanted.front(), 4);
  EXPECT_EQ(course.changes(), 0) << "4 replicas take 43: 7.5 % over";
}

TEST(ScaleStrategy, AsksForAnotherNumberAndSaysWhy) {
  scanflow::testing::Harness harness;
  const json config = {{"max", 5}, {"target", 4}, {"on", {{"service", "team/digits"}}}};
  const auto decide = [&](const json& see) {
    return harness.decide<ScaleStrategy>(
        config, {.now_us = kSecondOfTest, .evidence = {{"see", see}}, .state = {}});
  };
  const auto up = decide({{"demand", 9.5}, {"replicas", 1}});
  ASSERT_TRUE(up.ok()) << up.told.error;
  ASSERT_EQ(up.decision.actions.size(), 1U);
  EXPECT_EQ(up.decision.actions[0].primitive, "scale");
  EXPECT_EQ(up.decision.actions[0].target, (json{{"service", "team/digits"}}));
  EXPECT_EQ(up.decision.actions[0].args["replicas"], 3);
  EXPECT_EQ(up.decision.actions[0].reason, "9.5 demanded, 4 each");
  EXPECT_TRUE(decide({{"demand", 4}, {"replicas", 1}}).decision.actions.empty());
  EXPECT_THAT(decide({{"demand", "much"}, {"replicas", 1}}).told.error,
              HasSubstr("no number see.demand"));
  for (const json& wrong : {json{{"max", 0}, {"target", 1}}, json{{"max", 2}, {"target", 0}},
                            json{{"max", 1}, {"min", 2}, {"target", 1}},
                            json{{"max", 1}, {"target", 1}, {"ahead", "soon"}}})
    EXPECT_FALSE(harness.decide<ScaleStrategy>(wrong, {}).ok()) << wrong;
}

}  // namespace
}  // namespace scanflow::strategies
