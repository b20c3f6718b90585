// canary and promote_better, over time and over chance.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <scanflow/testing.hpp>

#include "plugins/strategies/rollout/canary.hpp"
#include "plugins/strategies/rollout/promote_better.hpp"

namespace scanflow::strategies {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::int64_t kMinute = 60'000'000;

const json kCanary = {{"service", "team/digits"},
                      {"node", "cnn"},
                      {"stable", "models:/m/3"},
                      {"candidate", "models:/m/4"}};

class Rollout {
 public:
  explicit Rollout(json config = kCanary) : config_(std::move(config)) {}
  /// The weight of the candidate, where it is changed; -1: it is left.
  double look(std::int64_t now_us, double requests, double errors) {
    const auto result = harness_.decide<CanaryStrategy>(
        config_, {.now_us = now_us,
                  .evidence = {{"see", {{"requests", requests}, {"errors", errors}}}},
                  .state = state_});
    EXPECT_TRUE(result.ok()) << result.told.error;
    if (result.decision.state) state_ = *result.decision.state;
    if (result.decision.actions.empty()) return -1;
    const Action& action = result.decision.actions[0];
    EXPECT_EQ(action.primitive, "set_traffic");
    reason = action.reason;
    double weight = 0, sum = 0;
    for (const json& version : action.args["versions"]) {
      sum += version["weight"].get<double>();
      if (version["model"] == "models:/m/4") weight = version["weight"];
    }
    EXPECT_EQ(sum, 100);
    return weight;
  }
  std::string reason;

 private:
  scanflow::testing::Harness harness_;
  json config_;
  std::string state_;
};

TEST(Canary, GrowsWhileItsErrorsStayWithinTheBudget) {
  Rollout rollout;
  EXPECT_EQ(rollout.look(0, 0, 0), 5);
  EXPECT_EQ(rollout.look(4 * kMinute, 400, 2), -1) << "it was not held for long enough";
  EXPECT_EQ(rollout.look(5 * kMinute, 500, 3), 25);
  EXPECT_EQ(rollout.look(10 * kMinute, 560, 3), -1) << "too few requests were seen";
  EXPECT_EQ(rollout.look(11 * kMinute, 700, 3), 50);
  EXPECT_EQ(rollout.look(16 * kMinute, 900, 3), 100);
  EXPECT_EQ(rollout.look(30 * kMinute, 2000, 900), -1) << "it is over";
}

TEST(Canary, OneThatFailsIsTakenBackForGood) {
  Rollout rollout;
  EXPECT_EQ(rollout.look(0, 100, 7), 5);
  int requests = 0;
  double weight = -1;
  for (; weight < 0 && requests < 50; ++requests)
    weight = rollout.look(1000, 100 + requests + 1, 7 + requests + 1);
  EXPECT_EQ(weight, 0);
  EXPECT_EQ(requests, 7);
  EXPECT_THAT(rollout.reason, HasSubstr("7 of 7 requests failed; 1 of 100 may"));
  EXPECT_EQ(rollout.look(60 * kMinute, 10'000, 7), -1);
}

TEST(Canary, CountersThatBeginAgainAreNotNegative) {
  Rollout rollout;
  EXPECT_EQ(rollout.look(0, 5000, 40), 5);
  EXPECT_EQ(rollout.look(6 * kMinute, 300, 0), 25) << "the process was started again";
}

/// Looks after each request: the hardest for a test. After how many it is taken back; `most`: it is not.
int taken_back_after(double errors, int most, std::mt19937& random) {
  Rollout rollout;
  std::bernoulli_distribution fails(errors);
  rollout.look(0, 0, 0);
  int failed = 0;
  for (int count = 1; count <= most; ++count) {
    failed += fails(random);
    if (rollout.look(1, count, failed) == 0) return count;
  }
  return most;
}

TEST(Canary, OneWithinItsBudgetIsHardlyEverTakenBackHoweverOftenItIsLookedAt) {
  std::mt19937 random(11);
  int wrong = 0;
  for (int run = 0; run < 100; ++run) wrong += taken_back_after(0.01, 300, random) < 300;
  EXPECT_LE(wrong, 5) << "of 100; by Wald 1 at most in the mean";
}

TEST(Canary, OneThatIsFiveTimesOverItsBudgetIsFoundSoon) {
  std::mt19937 random(12);
  double sum = 0;
  for (int run = 0; run < 40; ++run) sum += taken_back_after(0.05, 2000, random);
  EXPECT_LT(sum / 40, 250);
}

TEST(Canary, WeightsMustGrowToAll) {
  scanflow::testing::Harness harness;
  for (const json& weights :
       {json{5, 5, 100}, json{50}, json{100, 50}, json{5, 200}, json::array()}) {
    json config = kCanary;
    config["weights"] = weights;
    EXPECT_FALSE(harness.decide<CanaryStrategy>(config, {}).ok()) << weights;
  }
}

class PromoteBetter : public ::testing::Test {
 protected:
  std::string decided(json see, const json& config = {{"model", "m"}}) {
    if (!see.contains("version")) see["version"] = 4;
    const auto result = harness.decide<PromoteBetterStrategy>(
        config, {.now_us = 0, .evidence = {{"see", see}}, .state = {}});
    if (!result.ok()) return result.told.error;
    const Action& action = result.decision.actions.at(0);
    return action.primitive + " " + action.args.dump() + " because " + action.reason;
  }
  scanflow::testing::Harness harness;
};

TEST_F(PromoteBetter, WhatIsSurelyBetterTakesTheAlias) {
  EXPECT_EQ(
      decided({{"candidate", 0.95}, {"baseline", 0.90}, {"samples", 1000}}),
      R"(promote_model {"alias":"champion","name":"m","version":"4"} because 0.9500 against 0.9000)");
  EXPECT_THAT(decided({{"candidate", 0.91}, {"baseline", 0.90}, {"samples", 1000}}),
              ::testing::AllOf(HasSubstr("promotion.refused"), HasSubstr("not surely better")));
  EXPECT_THAT(decided({{"candidate", 0.91}, {"baseline", 0.90}, {"samples", 100'000}}),
              HasSubstr("promote_model"));
  EXPECT_THAT(decided({{"candidate", 0.60}, {"baseline", 0.90}, {"samples", 1000}}),
              HasSubstr("promotion.refused"))
      << "a poisoned retraining";
  EXPECT_THAT(decided({{"candidate", 1.5}, {"baseline", 0.90}, {"samples", 1000}}),
              HasSubstr("no shares"));
}

TEST_F(PromoteBetter, WhatServesWithItIsPromotedWithIt) {
  const auto result = harness.decide<PromoteBetterStrategy>(
      {{"model", "m"}, {"together", {{"d", "detector"}}}},
      {.now_us = 0,
       .evidence = {{"see",
                     {{"candidate", 0.9}, {"samples", 1000}, {"version", 4}, {"detector", 7}}}},
       .state = {}});
  ASSERT_TRUE(result.ok()) << result.told.error;
  ASSERT_EQ(result.decision.actions.size(), 2U);
  EXPECT_EQ(result.decision.actions[0].args.dump(),
            R"({"alias":"champion","name":"d","version":"7"})");
  EXPECT_EQ(result.decision.actions[1].args["name"], "m");
}

TEST_F(PromoteBetter, AMarginAFloorAndEnoughSamplesAreAskedFor) {
  const json config = {{"model", "m"}, {"margin", 0.05}, {"lowest", 0.8}, {"min_samples", 500}};
  EXPECT_THAT(decided({{"candidate", 0.95}, {"baseline", 0.90}, {"samples", 1000}}, config),
              HasSubstr("by 0.05"));
  EXPECT_THAT(decided({{"candidate", 0.99}, {"baseline", 0.90}, {"samples", 400}}, config),
              HasSubstr("400 samples; 500"));
  EXPECT_THAT(decided({{"candidate", 0.7}, {"baseline", nullptr}, {"samples", 1000}}, config),
              HasSubstr("below the floor"));
  EXPECT_THAT(decided({{"candidate", 0.9}, {"baseline", nullptr}, {"samples", 1000}}, config),
              HasSubstr("nothing serves yet"));
  EXPECT_THAT(decided({{"baseline", 0.90}, {"samples", 1000}}), HasSubstr("see.candidate"));
}

}  // namespace
}  // namespace scanflow::strategies
