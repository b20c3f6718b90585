// placement, over time: online work whose latency depends on what batch work beside it gets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include "plugins/strategies/placement/placement_strategy.hpp"
#include "tests/unit/strategies/asker.hpp"

namespace scanflow::strategies {
namespace {

using nlohmann::json;

constexpr double kTickS = 1;

struct CourseOfShare {
  std::vector<double> share{1}, latency;
  int changes(std::size_t from) const {
    int count = 0;
    for (std::size_t i = std::max<std::size_t>(from, 1); i < share.size(); ++i)
      count += share[i] != share[i - 1];
    return count;
  }
  double above(std::size_t from, double target) const {  // seconds
    return kTickS * static_cast<double>(std::count_if(latency.begin() + static_cast<long>(from),
                                                      latency.end(),
                                                      [&](double each) { return each > target; }));
  }
};

/// Latency as of a queue: 5 ms / (1 - load - 0.45 share), that follows within `lag_s`; `noise`: its deviation, relative.
CourseOfShare beside(const ShareLaw& law, double seconds,
                     const std::function<double(double)>& load_at, double noise = 0,
                     double lag_s = 2, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<double> disturbed(0, noise);
  ShareState state;
  CourseOfShare course;
  double share = 1, latency = 5;
  for (double now_s = 1; now_s <= seconds; now_s += kTickS) {
    const double settled = 5 / std::max(0.02, 1 - load_at(now_s) - 0.45 * share);
    latency += (1 - std::exp(-kTickS / lag_s)) * (settled - latency);
    state = ShareState::read(now_s == 1 ? "" : state.text());  // a restart at any moment
    const double seen = latency * std::max(0.0, 1 + (noise > 0 ? disturbed(random) : 0.0));
    if (const auto wanted =
            state.decide(law, static_cast<std::int64_t>(now_s * 1e6), seen, std::nullopt))
      share = *wanted;
    course.share.push_back(share);
    course.latency.push_back(latency);
  }
  return course;
}

ShareLaw share_law() {
  ShareLaw law;
  law.target = 20;  // ms
  return law;
}

TEST(PlacementPlant, ComesToRestInItsBandAndStaysThere) {
  // 20 ms at a share of 0.556, 18 ms at 0.494: wider than a step of 0.05.
  const CourseOfShare course = beside(share_law(), 1200, [](double) { return 0.5; });
  EXPECT_LE(course.above(0, 20), 2 * 10 + 10) << "two decreases from 1 to a half, and the lag";
  EXPECT_EQ(course.changes(200), 0);
  EXPECT_GE(course.share.back(), 0.494);
  EXPECT_LE(course.share.back(), 0.556);
}

TEST(PlacementPlant, MoreOnlineWorkPushesItBackAndLessLetsItGrow) {
  const CourseOfShare course = beside(
      share_law(), 3000, [](double now_s) { return now_s > 1000 && now_s < 2000 ? 0.7 : 0.5; });
  // At a load of 0.7 a share of 0.111 is too much, 0.049 brings 18 ms: by 0.05 it comes there.
  const double worst = *std::max_element(course.share.begin() + 1100, course.share.begin() + 2000);
  EXPECT_LE(worst, 0.111 + 0.05);
  EXPECT_GE(*std::min_element(course.share.begin(), course.share.end()), 0.05);
  int over = 0;
  for (std::size_t i = 1000; i < 2000; ++i) over += course.latency[i] > 20;
  EXPECT_LE(over, 5 * 10 + 20) << "seconds until it has given way";
  EXPECT_GE(course.share.back(), 0.494) << "it has all that can be spared again";
}

TEST(PlacementPlant, WhereAStepIsWiderThanTheBandItSawsWithinTheBound) {
  ShareLaw law = share_law();
  law.tolerance = 0.02;  // 0.542 to 0.556: narrower than a step
  law.increase = 0.07;
  const CourseOfShare course = beside(law, 3000, [](double) { return 0.5; });
  const auto late = course.share.begin() + 300;
  EXPECT_GT(*std::max_element(late, course.share.end()), 0.556) << "else there is nothing to see";
  EXPECT_LE(*std::max_element(late, course.share.end()), 0.556 + 0.07);
  EXPECT_GE(*std::min_element(late, course.share.end()), 0.556 / 2);
  EXPECT_LE(course.above(300, 20), 0.2 * 2700) << "of the time";
}

TEST(PlacementPlant, NoiseDoesNotFlap) {
  for (unsigned seed = 1; seed <= 10; ++seed) {
    const CourseOfShare course = beside(
        share_law(), 3600, [](double) { return 0.5; }, 0.03, 2, seed);
    EXPECT_LE(course.changes(300), 33) << "a tenth of what it may";
    EXPECT_LE(*std::max_element(course.share.begin() + 300, course.share.end()), 0.556 + 0.05);
    EXPECT_GE(*std::min_element(course.share.begin() + 300, course.share.end()), 0.494 / 2);
  }
}

TEST(PlacementPlant, BatchWorkIsNeverStarved) {
  const CourseOfShare course = beside(share_law(), 600, [](double) { return 0.95; });
  EXPECT_EQ(course.share.back(), 0.05);
  EXPECT_EQ(course.changes(0), 5) << "0.5, 0.25, 0.125, 0.0625, 0.05";
}

TEST(PlacementPlant, TwoBatchesComeToEqualShares) {
  ShareLaw law = share_law();
  law.tolerance = 0.02;
  ShareState first, second;
  double a = 0.9, b = 0.1, latency = 5;
  for (double now_s = 1; now_s <= 1200; now_s += kTickS) {
    const double settled = 5 / std::max(0.02, 1 - 0.5 - 0.45 * (a + b));
    latency += (1 - std::exp(-kTickS / 2)) * (settled - latency);
    const auto now_us = static_cast<std::int64_t>(now_s * 1e6);
    a = first.decide(law, now_us, latency, a).value_or(a);
    b = second.decide(law, now_us, latency, b).value_or(b);
  }
  EXPECT_LT(std::abs(a - b), 0.06) << "Chiu and Jain: fair";
  EXPECT_GT(a + b, 0.27);
  EXPECT_LT(a + b, 0.556 + 2 * 0.05);
}

TEST(Placement, AsksForAThrottleOfTheRulesTarget) {
  const json config = {{"target", 20}};
  Asker<PlacementStrategy> asker(config);
  auto actions = asker.see(kSecondUs, {{"online", 30}, {"share", 0.8}});
  ASSERT_EQ(actions.size(), 1U) << asker.error;
  EXPECT_EQ(actions[0].primitive, "throttle");
  EXPECT_EQ(actions[0].target, json::object());
  EXPECT_EQ(actions[0].args, (json{{"share", 0.4}}));
  EXPECT_TRUE(asker.see(5 * kSecondUs, {{"online", 90}}).empty()) << "it has not settled";
  actions = asker.see(12 * kSecondUs, {{"online", nullptr}});
  ASSERT_EQ(actions.size(), 1U);
  EXPECT_EQ(actions[0].args, (json{{"share", 0.45}})) << "there is no online work";
  EXPECT_TRUE(asker.see(22 * kSecondUs, {{"online", 19}}).empty());
  asker.see(kMinuteUs, {{"share", 1}});
  EXPECT_THAT(asker.error, ::testing::HasSubstr("no number see.online"));
}

TEST(Placement, PlacesItApartOnce) {
  json config = {{"target", 20}, {"apart", true}, {"object", "deployment/batch"}};
  Asker<PlacementStrategy> asker(config);
  auto actions = asker.see(kSecondUs, {{"online", 30}});
  ASSERT_EQ(actions.size(), 2U) << asker.error;
  EXPECT_EQ(actions[0].primitive, "throttle");
  EXPECT_EQ(actions[1].primitive, "place");
  EXPECT_EQ(actions[1].target, (json{{"object", "deployment/batch"}}));
  EXPECT_EQ(actions[1].args, (json{{"apart", "kubernetes.io/hostname"}}));
  EXPECT_EQ(asker.see(kMinuteUs, {{"online", 30}}).size(), 1U) << "once";

  config["online"] = {{"app", "digits"}};
  config["namespace"] = "team";
  Asker<PlacementStrategy> from_online(config);
  actions = from_online.see(kSecondUs, {{"online", 19}});
  ASSERT_EQ(actions.size(), 1U) << from_online.error;
  EXPECT_EQ(actions[0].target["namespace"], "team");
  const json rule =
      actions[0]
          .args["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"];
  EXPECT_EQ(rule.dump(), R"([{"podAffinityTerm":{"labelSelector":{"matchLabels":{"app":"digits"}},)"
                         R"("topologyKey":"kubernetes.io/hostname"},"weight":100}])");
}

TEST(Placement, WhatMakesNoSenseIsRefused) {
  for (const json& wrong :
       {json{{"target", 0}}, json{{"target", 1}, {"min_share", 0.01}},
        json{{"target", 1}, {"decrease", 1}}, json{{"target", 1}, {"increase", 0}},
        json{{"target", 1}, {"settle", "a while"}}, json{{"target", 1}, {"smoothing", "8s"}},
        json{{"target", 1}, {"apart", true}}, json{{"target", 1}, {"online", {{"app", 3}}}}})
    EXPECT_TRUE(refuses<PlacementStrategy>(wrong)) << wrong;
}

}  // namespace
}  // namespace scanflow::strategies
