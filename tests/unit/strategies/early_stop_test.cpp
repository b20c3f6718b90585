// early_stop, over studies: learning curves with noise, of which some learn late.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <functional>
#include <iostream>

#include "plugins/common/random.hpp"
#include "plugins/strategies/early_stop/early_stop_strategy.hpp"
#include "tests/unit/strategies/asker.hpp"

namespace scanflow::strategies {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kTrialsOfStudy = 24, kEpochs = 60, kAtOnce = 4;

/// Accuracy a (1 - exp(-epoch / tau)) with noise: a from 0.5 to 0.95, tau from 2 to 15 epochs, independent of each other.
struct Curve {
  double a = 0, tau = 0;
  double at(int epoch) const { return a * (1 - std::exp(-epoch / tau)); }
};

struct Study {
  bool best_stopped = false;
  double regret = 0;  // what the best of those that finished is worse by
  int epochs = 0, stopped = 0;
};

/// A stopped one ends after the epoch that it is in, as torch.train does.
Study study(std::uint64_t seed, double noise) {
  data::Random random(seed);
  std::vector<Curve> curves(kTrialsOfStudy);
  for (Curve& each : curves) each = {random.between(0.5, 0.95), random.between(2, 15)};
  const auto best = static_cast<int>(
      std::max_element(curves.begin(), curves.end(),
                       [](auto& x, auto& y) { return x.at(kEpochs) < y.at(kEpochs); }) -
      curves.begin());
  struct Slot {
    int trial = 0, epoch = 0;
  };
  std::deque<Slot> running;
  int next = 0;
  Study result;
  double found = 0;
  Trials trials;
  while (next < kTrialsOfStudy || !running.empty()) {
    while (next < kTrialsOfStudy && running.size() < kAtOnce) running.push_back({next++, 0});
    Slot slot = running.front();
    running.pop_front();
    ++slot.epoch;
    ++result.epochs;
    const Curve& curve = curves[static_cast<std::size_t>(slot.trial)];
    if (result.epochs % 50 == 0) trials = Trials::read(trials.text());  // a restart
    const bool stop = trials.hear({}, result.epochs, std::to_string(slot.trial), slot.epoch,
                                  curve.at(slot.epoch) + noise * random.bell());
    result.stopped += stop;
    result.best_stopped = result.best_stopped || (stop && slot.trial == best);
    if (!stop && slot.epoch < kEpochs) running.push_back(slot);
    if (!stop && slot.epoch == kEpochs) found = std::max(found, curve.at(kEpochs));
  }
  result.regret = curves[static_cast<std::size_t>(best)].at(kEpochs) - found;
  return result;
}

TEST(EarlyStopStudies, TheBestIsHardlyEverStoppedAndEpochsAreSaved) {
  constexpr int kStudies = 150;
  for (const double noise : {0.01, 0.03}) {
    int best_stopped = 0;
    double saved = 0, regret = 0, worst = 0;
    for (int seed = 1; seed <= kStudies; ++seed) {
      const Study each = study(static_cast<std::uint64_t>(seed), noise);
      best_stopped += each.best_stopped;
      saved += 1 - each.epochs / static_cast<double>(kTrialsOfStudy * kEpochs);
      regret += each.regret / kStudies;
      worst = std::max(worst, each.regret);
    }
    std::cerr << "noise " << noise << ": the best was stopped in " << best_stopped << " of "
              << kStudies << " studies; epochs saved " << 100 * saved / kStudies
              << " %; accuracy lost " << regret << " in the mean, " << worst << " at most\n";
    EXPECT_LE(best_stopped, kStudies * 4 / 100);
    EXPECT_GE(saved / kStudies, 0.15);
    EXPECT_LE(regret, 0.001);
  }
}

TEST(EarlyStopStudies, TrialsThatAreTheSameButForNoiseAreNotCutByIt) {
  data::Random random(3);
  Trials trials;
  int stopped = 0;
  for (int trial = 0; trial < 20; ++trial)
    for (int epoch = 1; epoch <= kEpochs; ++epoch)
      stopped += trials.hear({}, 1, std::to_string(trial), epoch,
                             Curve{0.9, 8}.at(epoch) + 0.01 * random.bell());
  EXPECT_EQ(stopped, 0) << "the best so far is compared with means";
}

TEST(EarlyStop, ComparesTheBestWithTheMedianOfMeansFromGraceOn) {
  MedianRule rule;
  rule.grace = 2;
  rule.min_trials = 3;
  Trials trials;
  for (int trial = 1; trial <= 3; ++trial)
    for (int step = 0; step <= 4; ++step)
      EXPECT_FALSE(trials.hear(rule, 1, std::to_string(trial), step, trial + 0.1 * step));
  // Their means up to step 2: 1.1, 2.1, 3.1; up to 3: 1.15, 2.15, 3.15.
  EXPECT_FALSE(trials.hear(rule, 1, "x", 0, 0)) << "grace";
  EXPECT_FALSE(trials.hear(rule, 1, "x", 2, 2.12)) << "2.12 is above 2.1";
  EXPECT_TRUE(trials.hear(rule, 1, "x", 3, 0));
  EXPECT_DOUBLE_EQ(trials.median(), 2.15);
  EXPECT_DOUBLE_EQ(trials.best(), 2.12);
  EXPECT_FALSE(trials.hear(rule, 1, "x", 3, 0)) << "it was heard";
  EXPECT_FALSE(trials.hear(rule, 1, "x", 5, 0)) << "none has come as far";
  EXPECT_FALSE(trials.hear(rule, 1, "y", 2, 2.5));
  EXPECT_FALSE(trials.hear(rule, 1, "y", 3, 0)) << "its best was better";
  Trials fewer;
  for (int trial = 1; trial <= 2; ++trial) fewer.hear(rule, 1, std::to_string(trial), 4, trial);
  EXPECT_FALSE(fewer.hear(rule, 1, "x", 4, 0)) << "too few others";
}

TEST(EarlyStop, OneThatGoesOnIsStoppedAgain) {
  MedianRule rule;
  rule.min_trials = 1;
  Trials trials;
  for (int step = 0; step <= 20; ++step) trials.hear(rule, 1, "good", step, 1);
  std::string asked;
  for (int step = 0; step <= 12; ++step) asked += trials.hear(rule, 1, "bad", step, 0) ? 'x' : '.';
  EXPECT_EQ(asked, ".....x..x..x.");
}

TEST(EarlyStop, ItsStateStaysSmallAndOldTrialsAreForgotten) {
  Trials trials;
  for (int trial = 0; trial < 60; ++trial)
    for (int step = 1; step <= 200; ++step)
      trials.hear({}, trial, std::string(190, 'r') + "/" + std::to_string(trial), step * 1'000'000,
                  -0.123456789 * trial * step);
  const std::string text = trials.text();
  EXPECT_LT(text.size(), 65536U);
  EXPECT_EQ(json::parse(text)["trials"].size(), 48U);
  EXPECT_FALSE(text.find("r/0\"") < text.size()) << "the oldest";
  trials.hear({}, 200'000'000'000, "new", 1, 0);
  EXPECT_EQ(json::parse(trials.text())["trials"].size(), 1U);
}

class EarlyStopAsked : public ::testing::Test {
 protected:
  /// Three good ones, then a bad one, told in this way: the target that it asks for.
  json stopped(const json& with,
               const std::function<json(std::string run, int step, double value)>& told) {
    Asker<EarlyStopStrategy> asker(with);
    for (const char* run : {"a", "b", "c"})
      for (int step = 0; step < 4; ++step)
        EXPECT_THAT(asker.ask(1, told(run, step, 0.9)), IsEmpty()) << asker.error;
    std::vector<Action> actions;
    for (int step = 0; step < 3 && actions.empty(); ++step)
      actions = asker.ask(1, told("d", step, 0.2));
    error = asker.error;
    if (actions.empty()) return nullptr;
    EXPECT_EQ(actions[0].primitive, "stop_early");
    EXPECT_EQ(actions[0].args, json::object());
    return actions[0].target;
  }
  std::string error;
  const json config = {{"direction", "max"}, {"grace", 2}, {"min_trials", 3}};
};

TEST_F(EarlyStopAsked, OfWhatTheRuleSeesOrAnEventOrASampleSays) {
  const json step_d = {{"run", "d"}, {"step", "train"}};
  const auto seen = [](const std::string& run, int step, double value) {
    return json{{"see", {{"trial", run + "/train"}, {"step", step}, {"value", value}}}};
  };
  EXPECT_EQ(stopped(config, seen), step_d) << error;
  EXPECT_EQ(stopped(config,
                    [&](auto run, int step, double value) {
                      return json{{"type", "epoch"},
                                  {"payload", seen(run, step, value)["see"]},
                                  {"see", json::object()}};
                    }),
            step_d);
  EXPECT_EQ(stopped(config,
                    [](auto run, int, double value) {
                      return json{{"name", "accuracy"},
                                  {"labels", {{"run", run}, {"step", "train"}}},
                                  {"value", value}};
                    }),
            step_d)
      << "without a number its values are counted";
  EXPECT_EQ(stopped(config,
                    [](auto run, int step, double value) {
                      return json{{"see", {{"trial", run}, {"step", step}, {"value", value}}}};
                    }),
            json::object())
      << "a name alone: the rule's target";
  json min = config;
  min["direction"] = "min";
  EXPECT_EQ(stopped(min, seen), nullptr);
  EXPECT_EQ(
      stopped(min, [&](auto run, int step, double value) { return seen(run, step, 1 - value); }),
      step_d);
}

TEST_F(EarlyStopAsked, WhatSaysNoTrialIsAnError) {
  Asker<EarlyStopStrategy> asker(config);
  for (const json& see : {json{{"step", 1}, {"value", 2}}, json{{"trial", ""}, {"value", 2}},
                          json{{"trial", "a"}, {"value", "much"}},
                          json{{"trial", "a"}, {"value", 1}, {"step", -1}}}) {
    asker.see(1, see);
    EXPECT_NE(asker.error, "") << see;
  }
  asker.see(1, {{"trial", "a"}, {"step", 1}, {"value", nullptr}});
  EXPECT_EQ(asker.error, "") << "nothing yet";
  EXPECT_TRUE(refuses<EarlyStopStrategy>({{"direction", "up"}}));
  EXPECT_TRUE(refuses<EarlyStopStrategy>({{"direction", "max"}, {"forget", "never"}}));
}

}  // namespace
}  // namespace scanflow::strategies
