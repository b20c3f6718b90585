// drift: how often it alarms where nothing changes, how late it does where something did, and what is no sample.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <scanflow/testing.hpp>

#include "plugins/common/random.hpp"
#include "plugins/triggers/drift/drift_trigger.hpp"
#include "plugins/triggers/drift/followed.hpp"
#include "plugins/triggers/drift/run_length.hpp"

namespace scanflow::triggers {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Normal, mean 0 and deviation 1 (Box and Muller, 1958).
class Noise {
 public:
  explicit Noise(std::uint64_t seed) : random_(seed) {}
  double next() {
    const double radius = std::sqrt(-2 * std::log(1 - random_.uniform()));
    return radius * std::cos(2 * std::numbers::pi * random_.uniform());
  }

 private:
  data::Random random_;
};

/// How many samples it takes, of mean 5 and deviation 2 but for the shift (in deviations).
std::int64_t run_until_alarm(const Law& law, Change change, Noise& noise, double shift,
                             std::int64_t most = 1'000'000) {
  for (std::int64_t i = 1; i < most; ++i)
    if (change.take(law, 1'000'000 + i, 5 + 2 * (noise.next() + shift))) return i;
  return most;
}
Change learned(const Law& law, Noise& noise) {
  Change change;
  for (std::int64_t i = 1; i <= law.reference; ++i)
    EXPECT_FALSE(change.take(law, i, 5 + 2 * noise.next()));
  return change;
}
Law known(double delta, double false_alarms) {
  Law law;
  law.delta = delta;
  law.mean = 5;
  law.deviation = 2;
  law.threshold = threshold_of({false_alarms, delta, true, 0});
  return law;
}

TEST(Drift, ThresholdsKeepToTheRunLengthThatIsAskedFor) {
  // The exact figure of a one-sided sum is 930.9 (Montgomery, Introduction to Statistical Quality
  // Control: 465 of both sides).
  EXPECT_NEAR(run_length(-0.5, 5), 930.9, 20);
  EXPECT_NEAR(run_length(0, 5), (5 + 1.166) * (5 + 1.166), 0.01);
  EXPECT_NEAR(run_length(0.5, 5), 10.4, 0.2);
  for (const std::uint64_t seed : {1, 2, 3}) {
    Noise noise(seed);
    for (const double delta : {0.25, 0.5, 1.0}) {
      const Law law = known(delta, 200);
      double sum = 0;
      for (int i = 0; i < 500; ++i) sum += static_cast<double>(run_until_alarm(law, {}, noise, 0));
      EXPECT_NEAR(sum / 500, 200, 35) << "delta " << delta << ", seed " << seed;
    }
  }
}

TEST(Drift, ALearnedReferenceKeepsToItForNineInTen) {
  for (const std::uint64_t seed : {1, 2}) {
    Noise noise(seed);
    Law law;
    law.reference = 50;
    law.threshold = threshold_of({100, law.delta, true, law.reference});
    int short_ones = 0;
    for (int reference = 0; reference < 100; ++reference) {
      const Change change = learned(law, noise);
      double sum = 0;
      for (int i = 0; i < 25; ++i)
        sum += static_cast<double>(run_until_alarm(law, change, noise, 0, 1000));
      if (sum / 25 < 100) ++short_ones;
    }
    EXPECT_LE(short_ones, 25) << "seed " << seed << ": 10 expected, and the noise of 25 runs";
    EXPECT_GE(short_ones, 2) << "seed " << seed << ": it is not for all of them either";
  }
}

TEST(Drift, PageHinkleyKeepsToItThoughItLearnsItsMean) {
  for (const std::uint64_t seed : {1, 2}) {
    Noise noise(seed);
    Law law;
    law.method = Method::page_hinkley;
    law.reference = 20;
    law.threshold = threshold_of({200, law.delta, true, 0});
    double sum = 0;
    for (int i = 0; i < 500; ++i)
      sum += static_cast<double>(run_until_alarm(law, learned(law, noise), noise, 0));
    EXPECT_NEAR(sum / 500, 200, 35) << "seed " << seed;
  }
}

TEST(Drift, IsFoundTheSoonerTheLargerItIs) {
  struct Expected {
    Method method;
    double shift, mean_delay;
  };
  for (const auto& [method, shift, most] :
       {Expected{Method::cusum, 1, 27}, Expected{Method::cusum, 2, 10},
        Expected{Method::cusum, 3, 6}, Expected{Method::page_hinkley, 1, 60},
        Expected{Method::page_hinkley, 2, 9}, Expected{Method::page_hinkley, 3, 6}}) {
    Noise noise(11);
    Law law;
    law.method = method;
    law.threshold = threshold_of({10'000, law.delta, true, method == Method::cusum ? 100 : 0});
    for (const double sign : {1.0, -1.0}) {
      double sum = 0;
      for (int i = 0; i < 200; ++i)
        sum += static_cast<double>(
            run_until_alarm(law, learned(law, noise), noise, sign * shift, 1000));
      EXPECT_LT(sum / 200, most) << "method " << static_cast<int>(method) << ", " << sign * shift;
      EXPECT_GT(sum / 200, 1);
    }
  }
}

TEST(Drift, OnlyInTheDirectionThatMatters) {
  for (const bool up : {true, false}) {
    Law law = known(0.5, 1000);
    law.direction = up ? Direction::up : Direction::down;
    Change change;
    std::optional<Alarm> alarm;
    for (int i = 1; i <= 100; ++i) EXPECT_FALSE(change.take(law, i, up ? 1 : 9));
    for (int i = 101; i <= 120 && !alarm; ++i) alarm = change.take(law, i, up ? 9 : 1);
    ASSERT_TRUE(alarm);
    EXPECT_EQ(alarm->up, up);
    EXPECT_EQ(alarm->since_us, 101) << "what was before is not of it";
  }
}

TEST(Drift, OneFarOutIsNoDriftAndNoSampleIsNone) {
  Law law = known(0.5, 10'000);
  ASSERT_GT(law.threshold, kMostDeviations);
  for (const Method method : {Method::cusum, Method::page_hinkley}) {
    law.method = method;
    if (method == Method::page_hinkley) law.mean = law.deviation = std::nullopt;
    Noise noise(5);
    Change change = learned(law, noise);
    EXPECT_FALSE(change.take(law, 200, 1e100));
    EXPECT_FALSE(change.take(law, 201, std::nan("")));
    EXPECT_FALSE(change.take(law, 202, INFINITY));
    EXPECT_FALSE(change.take(law, 203, 1e300));
    EXPECT_FALSE(change.take(law, 150, 1e100)) << "late";
    for (int i = 0; i < 20; ++i) EXPECT_FALSE(change.take(law, 200, 1e100)) << "the same again";
    std::optional<Alarm> alarm;
    for (int i = 300; i < 320 && !alarm; ++i) alarm = change.take(law, i, 13);
    ASSERT_TRUE(alarm) << "its mean and deviation are as before";
    EXPECT_EQ(alarm->left_out, 24);
    EXPECT_NEAR(alarm->deviation, 2, 0.8);
  }
}

TEST(Drift, AConstantReference) {
  for (const Method method : {Method::cusum, Method::page_hinkley}) {
    Law law;
    law.method = method;
    law.reference = 10;
    law.threshold = 6;
    Change change;
    for (int i = 1; i <= 100; ++i) ASSERT_FALSE(change.take(law, i, 0.1)) << i;
    EXPECT_FALSE(change.take(law, 101, 0.3));
    for (int i = 102; i < 120; ++i) ASSERT_FALSE(change.take(law, i, 0.1)) << "one was another";
    EXPECT_FALSE(change.take(law, 120, 0.3));
    const auto alarm = change.take(law, 121, 0.2);
    ASSERT_TRUE(alarm) << "two in a row";
    EXPECT_EQ(alarm->deviation, 0);
    EXPECT_EQ(alarm->since_us, 120);
  }
}

TEST(Drift, LearnsAnewOrWaitsUntilItIsClear) {
  Law law = known(0.5, 1000);
  law.reference = 10;
  const auto alarms = [&](bool relearn) {
    law.relearn = relearn;
    Change change;
    std::vector<int> at;
    for (int i = 1; i <= 90; ++i) {
      const double noise = i % 2 == 0 ? 1 : -1;
      const double value = (i <= 20 || (i > 40 && i <= 70) ? 5 : 13) + noise;
      if (change.take(law, i, value)) at.push_back(i);
      change = Change::read(json::parse(change.state().dump()));  // a restart changes nothing
    }
    return at;
  };
  const auto once = alarms(false);
  ASSERT_THAT(once, SizeIs(2)) << "at 21, and again at 71: not as long as it lasts";
  EXPECT_LE(once[0], 23);
  EXPECT_GT(once[1], 70);
  EXPECT_LE(once[1], 73);
  const auto anew = alarms(true);
  ASSERT_THAT(anew, SizeIs(3)) << "13 is what is normal then, and 5 is a drift";
  EXPECT_GT(anew[1], 40);
  EXPECT_LE(anew[1], 43);
}

TEST(Drift, SeriesAreBoundedAndTheSilentGiveTheirPlace) {
  const Law law = known(0.5, 1000);
  Followed followed;
  const auto name = [](int i) { return json{{"pod", "p\"\\\n" + std::to_string(i)}}.dump(); };
  for (int i = 0; i < 300; ++i) followed.take(law, name(i), 1000 + i, 0.1 * i);
  EXPECT_EQ(followed.without_room(), 300 - static_cast<int>(Followed::kMost));
  EXPECT_LT(followed.text().size(), 64U << 10);
  followed.take(law, name(1000), 1001 + Followed::kForgetUs, 5);
  EXPECT_EQ(followed.without_room(), 300 - static_cast<int>(Followed::kMost));
  Followed wide;
  for (int i = 0; i < 300; ++i)
    wide.take(law, std::string(2000, '"') + std::to_string(i), 1'700'000'000'000'000 + i,
              std::numbers::pi * i);
  EXPECT_LT(wide.text().size(), 64U << 10);
  EXPECT_EQ(Followed::read(wide.text()).text(), wide.text());
}

class Drifting {
 public:
  explicit Drifting(json config) : config_(std::move(config)) {}
  std::vector<json> sample(std::int64_t time_us, const json& value,
                           const json& labels = json::object()) {
    const auto result = harness_.wake<DriftTrigger>(
        config_,
        {.reason = WakeReason::sample,
         .now_us = time_us,
         .event = {{"name", "m"}, {"labels", labels}, {"time_us", time_us}, {"value", value}},
         .state = state_});
    EXPECT_TRUE(result.ok()) << result.told.error;
    if (result.wake.state) state_ = *result.wake.state;
    return result.wake.fires;
  }

 private:
  scanflow::testing::Harness harness_;
  const json config_;
  std::string state_;
};

TEST(DriftTrigger, FollowsEachSeriesByItself) {
  Drifting drifting({{"name", "m"}, {"reference", 50}, {"labels", {{"s", "d"}}}});
  const json a = {{"s", "d"}, {"pod", "a"}}, b = {{"s", "d"}, {"pod", "b"}};
  Noise noise(3);
  for (int i = 1; i <= 60; ++i) {
    EXPECT_THAT(drifting.sample(i, 5 + noise.next(), a), IsEmpty());
    EXPECT_THAT(drifting.sample(i, 500 + noise.next(), b), IsEmpty());
    EXPECT_THAT(drifting.sample(i, 1e6 * i, {{"s", "other"}}), IsEmpty()) << "not meant";
  }
  EXPECT_THAT(drifting.sample(61, nullptr, a), IsEmpty()) << "NaN, as JSON has it";
  std::vector<json> fired;
  int at = 61;
  for (; at < 80 && fired.empty(); ++at) {
    EXPECT_THAT(drifting.sample(at, 500 + noise.next(), b), IsEmpty());
    fired = drifting.sample(at, 2 + 0.1 * noise.next(), a);
  }
  ASSERT_THAT(fired, SizeIs(1));
  const json& evidence = fired[0];
  EXPECT_EQ(evidence["metric"], "m");
  EXPECT_EQ(evidence["labels"], a);
  EXPECT_EQ(evidence["direction"], "down");
  EXPECT_NEAR(evidence["mean"].get<double>(), 5, 0.5);
  EXPECT_GE(evidence["statistic"], evidence["threshold"]);
  EXPECT_NEAR(evidence["since_us"].get<double>(), 61, 3);
  EXPECT_EQ(evidence["until_us"], at - 1);
  EXPECT_EQ(evidence["samples"], at - 1);
  EXPECT_EQ(evidence["left_out"], 1);
  for (int i = at; i < at + 60; ++i)
    EXPECT_THAT(drifting.sample(i, 2 + noise.next(), a), IsEmpty()) << "it learns anew";
}

TEST(DriftTrigger, WhatCannotBeSaysWhy) {
  scanflow::testing::Harness harness;
  const auto why = [&](json config) {
    config["name"] = "m";
    const auto result = harness.wake<DriftTrigger>(config, {});
    return result.ok() ? "" : result.told.error;
  };
  EXPECT_EQ(why({{"false_alarms", "1 in 500"}}), "");
  EXPECT_THAT(why({{"false_alarms", "seldom"}}),
              HasSubstr("false_alarms: 'seldom' is not like: one in 10000 samples"));
  EXPECT_THAT(why({{"false_alarms", "one in 3 samples"}}), HasSubstr("one in 20 samples to"));
  EXPECT_THAT(why({{"mean", 3}}), HasSubstr("mean, deviation: write both"));
  EXPECT_THAT(why({{"mean", 3}, {"deviation", 1}, {"method", "page_hinkley"}}),
              HasSubstr("write method: cusum"));
  EXPECT_THAT(why({{"reference", 30}, {"delta", 0.2}}),
              HasSubstr("reference: 30 samples cannot tell a drift of 0.2 deviations"));
  EXPECT_EQ(why({{"reference", 250}, {"delta", 0.2}}), "");
  EXPECT_EQ(why({{"reference", 30}, {"delta", 0.2}, {"threshold", 9}}), "");
  EXPECT_THAT(why({{"labels", {{"a", 1}}}}), HasSubstr("labels.a: write a text"));
  EXPECT_THAT(why({{"method", "adwin"}}), HasSubstr("not one of the allowed"));
}

}  // namespace
}  // namespace scanflow::triggers
