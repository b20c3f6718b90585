// rightsize, over days: too much requested, too little, a process that its limit ends, one that its limit slows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

#include "plugins/common/random.hpp"
#include "plugins/strategies/rightsize/rightsize_strategy.hpp"
#include "tests/unit/strategies/asker.hpp"

namespace scanflow::strategies {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr double kMi = 0x1p20;

/// A container that is looked at each minute; its limits are its requests.
struct Container {
  double cpu_request = 2, memory_request = 2048 * kMi;
  double ooms = 0, grows_from = 0;  // when it was started, in minutes
  int cpu_changes = 0, memory_changes = 0;
  int cpu_short = 0;  // minutes in which it wanted more than it had
  std::size_t largest_state = 0;
  std::vector<double> oom_requests;  // what it had, and what it got, at each

  void live(const RightsizeLaw& law, int from, int to,
            const std::function<double(int minute)>& cpu_need,
            const std::function<double(int minute)>& memory_need) {
    RightsizeState state = RightsizeState::read(text);
    for (int minute = from; minute < to; ++minute) {
      const double cpu = std::min(cpu_need(minute), cpu_request);
      cpu_short += cpu_need(minute) > cpu_request;
      // It is full five minutes after its start.
      const double full = std::min(1.0, (minute - grows_from + 1) / 5);
      double memory = memory_need(minute) * full;
      const bool ended = memory > memory_request;
      if (ended) {
        memory = memory_request;
        ++ooms;
        grows_from = minute + 1;
      }
      if (minute % 60 == 0) state = RightsizeState::read(state.text());  // a restart
      const double had = memory_request;
      const Wanted wanted = state.decide(law, (minute + 1) * kMinuteUs,
                                         {cpu, memory, ooms, cpu_request, memory_request});
      cpu_changes += wanted.cpu.has_value();
      memory_changes += wanted.memory.has_value();
      cpu_request = wanted.cpu.value_or(cpu_request);
      memory_request = wanted.memory.value_or(memory_request);
      if (ended) oom_requests.push_back(memory_request / had);
    }
    text = state.text();
    largest_state = std::max(largest_state, text.size());
  }
  std::string text;
};

constexpr int kDay = 24 * 60;

/// By day more than by night, with noise; between 0.1 and 0.5 cores but for that.
double daily_cpu(int minute) {
  data::Random random = data::Random::stream(1, static_cast<std::uint64_t>(minute));
  return std::max(
      0.01, 0.3 + 0.2 * std::sin(2 * std::numbers::pi * minute / kDay) + 0.03 * random.bell());
}
double noisy_memory(int minute) {
  data::Random random = data::Random::stream(2, static_cast<std::uint64_t>(minute));
  return (400 + 10 * random.bell()) * kMi;
}

TEST(RightsizePlant, TooMuchIsGivenBackAndThenNothingFlaps) {
  Container container;
  container.live({}, 0, 60 - 1, daily_cpu, noisy_memory);
  EXPECT_EQ(container.cpu_changes + container.memory_changes, 0) << "it is not sure yet";
  container.live({}, 59, 3 * kDay, daily_cpu, noisy_memory);
  container.cpu_changes = container.memory_changes = container.cpu_short = 0;
  container.live({}, 3 * kDay, 17 * kDay, daily_cpu, noisy_memory);
  // 0.9 of the looks are below 0.49 or so; 400 Mi and two or three deviations of 10 are the peaks.
  EXPECT_GT(container.cpu_request, 0.49 * 1.1);
  EXPECT_LT(container.cpu_request, 0.49 * 1.15 * 1.12);
  EXPECT_GT(container.memory_request, 425 * kMi);
  EXPECT_LT(container.memory_request, 425 * 1.15 * 1.12 * kMi);
  EXPECT_EQ(container.ooms, 0);
  EXPECT_EQ(container.memory_changes, 0) << "in two weeks";
  EXPECT_LE(container.cpu_changes, 2 * 14) << "with day and night";
  EXPECT_LE(container.cpu_short, 14 * kDay / 50);
  EXPECT_LT(container.largest_state, 4096U);
}

TEST(RightsizePlant, OneThatIsEndedByOomGetsMoreAtOnceUntilItIsEnough) {
  Container container;
  container.memory_request = 210 * kMi;
  container.live({}, 0, 12 * 60, daily_cpu, [](int) { return 1000 * kMi; });
  // 210 -> 315 -> 472 -> 709 -> 1063: log(1000 / 210) / log(1.5) = 3.85.
  EXPECT_EQ(container.ooms, 4);
  for (const double grew : container.oom_requests) EXPECT_GE(grew, 1.5 - 1e-9);
  const double before = container.ooms;
  container.live({}, 12 * 60, 30 * kDay, daily_cpu, [](int) { return 1000 * kMi; });
  EXPECT_EQ(container.ooms, before) << "nor later, when the floor lapses";
  EXPECT_GT(container.memory_request, 1000 * kMi);
  EXPECT_LT(container.memory_request, 1000 * 1.15 * 1.12 * kMi) << "but no more than that for ever";
}

TEST(RightsizePlant, ARareNeedEndsItMoreAndMoreSeldom) {
  Container container;
  container.memory_request = 600 * kMi;
  // For half an hour every two days it needs 900 Mi instead of 400.
  const auto need = [](int minute) {
    return (minute % (2 * kDay) > 2 * kDay - 30 ? 900 : 400) * kMi;
  };
  container.live({}, 0, 30 * kDay, daily_cpu, need);
  const double first = container.ooms;
  container.live({}, 30 * kDay, 60 * kDay, daily_cpu, need);
  EXPECT_GE(first, 3) << "else there is nothing to see";
  EXPECT_LE(first, 10);
  EXPECT_LE(container.ooms - first, 2) << "of 15 times: the floor holds twice as long each time";
}

TEST(RightsizePlant, OneThatItsRequestSlowsGrowsToWhatItNeeds) {
  RightsizeLaw law;
  law.half_life_us = 2 * kHourUs;
  Container container;
  container.cpu_request = 0.2;
  container.live(
      law, 0, 2 * kDay, [](int) { return 1.0; }, noisy_memory);
  EXPECT_GE(container.cpu_request, 1.0 * 1.1);
  EXPECT_LE(container.cpu_request, 1.0 * 1.15 * 1.12);
  EXPECT_LE(container.cpu_changes, 13) << "log(5 * 1.15) / log(1.15) is 12.5";
}

TEST(RightsizePlant, BoundsHold) {
  RightsizeLaw law;
  law.min_cpu = law.max_cpu = 1;
  law.max_memory = 256 * kMi;
  Container container;
  container.live(law, 0, kDay, daily_cpu, noisy_memory);
  EXPECT_EQ(container.cpu_request, 1);
  EXPECT_EQ(container.memory_request, 256 * kMi);
}

TEST(DecayingHistogram, OlderAmountsCountLess) {
  DecayingHistogram histogram(0.01);
  EXPECT_EQ(histogram.percentile(0.9), 0);
  for (int i = 0; i < 100; ++i) histogram.add(4, 1);
  EXPECT_NEAR(histogram.percentile(0.9), 4, 4 * 0.055);
  EXPECT_GE(histogram.percentile(0.9), 4);
  for (int i = 0; i < 5; ++i) histogram.decay(0.5);
  for (int i = 0; i < 30; ++i) histogram.add(1, 1);
  EXPECT_NEAR(histogram.percentile(0.9), 1, 0.06) << "3 of 33 lie at 4";
  histogram.add(1, -30);
  EXPECT_NEAR(histogram.percentile(0.5), 4, 4 * 0.055) << "taken back";
  DecayingHistogram other(0.01);
  other.read(histogram.to_json());
  EXPECT_EQ(other.percentile(0.5), histogram.percentile(0.5));
  other.add(1e30, 100);
  EXPECT_GT(other.percentile(1), 1e6) << "the last bucket takes all that is larger";
}

TEST(Rightsize, AsksInKubernetesUnits) {
  const json config = {
      {"history", "1m"}, {"min_looks", 2}, {"container", "main"}, {"limit_factor", 2}};
  Asker<RightsizeStrategy> asker(config);
  const json see = {
      {"cpu", 0.5}, {"memory", 300 * kMi}, {"cpu_request", nullptr}, {"memory_request", 100 * kMi}};
  EXPECT_TRUE(asker.see(kMinuteUs, see).empty()) << asker.error;
  const auto actions = asker.see(2 * kMinuteUs, see);
  ASSERT_EQ(actions.size(), 1U) << asker.error;
  EXPECT_EQ(actions[0].primitive, "resize");
  EXPECT_EQ(actions[0].target, json::object());
  EXPECT_EQ(actions[0].args["container"], "main");
  const std::string cpu = actions[0].args["cpu"], memory = actions[0].args["memory"],
                    limit = actions[0].args["memory_limit"];
  EXPECT_THAT(cpu, ::testing::MatchesRegex("5[789][0-9]m|60[0-9]m"));
  EXPECT_THAT(memory, ::testing::MatchesRegex("3[45678][0-9]Mi"));
  EXPECT_NEAR(std::stod(limit), 2 * std::stod(memory), 2);
  EXPECT_TRUE(asker.see(3 * kMinuteUs, see).empty()) << "it is to become so first";
  EXPECT_EQ(asker.see(13 * kMinuteUs, see).size(), 1U) << "it did not: a guard has held it";
}

TEST(Rightsize, WithinTheToleranceNothingIsAsked) {
  const json config = {{"history", "0s"}, {"min_looks", 1}};
  const auto args_with = [&](double cpu_request, double memory_request) {
    Asker<RightsizeStrategy> asker(config);
    const auto actions = asker.see(kMinuteUs, {{"cpu", 0.5},
                                               {"memory", 300 * kMi},
                                               {"cpu_request", cpu_request},
                                               {"memory_request", memory_request}});
    return actions.empty() ? json::object() : actions[0].args;
  };
  const json wanted = args_with(2, 2048 * kMi);
  const double cpu = std::stod(wanted["cpu"].get<std::string>()) / 1000;
  const double memory = std::stod(wanted["memory"].get<std::string>()) * kMi;
  for (const double within : {0.93, 1.0, 1.09})
    EXPECT_EQ(args_with(cpu * within, memory * within), json::object()) << within;
  for (const double outside : {0.88, 1.13})
    EXPECT_EQ(args_with(cpu * outside, memory * outside), wanted) << outside;
}

TEST(Rightsize, AnOomIsActedUponBeforeItIsSure) {
  const json config = json::object();
  Asker<RightsizeStrategy> asker(config);
  json see = {{"memory", 90 * kMi}, {"oom", 3}, {"memory_request", 100 * kMi}};
  EXPECT_TRUE(asker.see(kMinuteUs, see).empty()) << "three that were before its time";
  see["oom"] = 4;
  const auto actions = asker.see(2 * kMinuteUs, see);
  ASSERT_EQ(actions.size(), 1U) << asker.error;
  EXPECT_EQ(actions[0].args, (json{{"memory", "150Mi"}}));
}

TEST(Rightsize, WhatMakesNoSenseIsRefused) {
  for (const json& wrong :
       {json{{"tolerance", 0.15}}, json{{"half_life", "0s"}}, json{{"min_cpu", "fast"}},
        json{{"max_cpu", "1m"}}, json{{"max_memory", "1Mi"}}, json{{"oom_factor", 1}},
        json{{"limit_factor", 0.5}}, json{{"peak", "x"}}})
    EXPECT_TRUE(refuses<RightsizeStrategy>(wrong)) << wrong;
  EXPECT_FALSE(refuses<RightsizeStrategy>(json::object()));
}

}  // namespace
}  // namespace scanflow::strategies
