// metric and event: on the edge, once, over restarts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <scanflow/testing.hpp>

#include "plugins/triggers/signals/event_trigger.hpp"
#include "plugins/triggers/signals/metric_trigger.hpp"

namespace scanflow::triggers {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t kOne = 1'000'000;  // a second

class Watched {
 public:
  explicit Watched(json config) : config_(std::move(config)) {}
  /// At this second: what fires.
  std::vector<json> sample(double at_s, double value, const json& labels = json::object()) {
    const auto time_us = static_cast<std::int64_t>(at_s * 1e6);
    return wake(
        {.reason = WakeReason::sample,
         .now_us = time_us,
         .event = {{"name", "m"}, {"labels", labels}, {"time_us", time_us}, {"value", value}}});
  }
  std::vector<json> time(double at_s) {
    return wake({.reason = WakeReason::time, .now_us = static_cast<std::int64_t>(at_s * 1e6)});
  }
  std::optional<std::int64_t> next_us;

 private:
  std::vector<json> wake(Wake wake) {
    wake.state = state_;
    const auto result = harness_.wake<MetricTrigger>(config_, wake);
    EXPECT_TRUE(result.ok()) << result.told.error;
    if (result.wake.state) state_ = *result.wake.state;
    EXPECT_LT(state_.size(), 64U << 10);
    next_us = result.wake.next_wake_us;
    return result.wake.fires;
  }
  scanflow::testing::Harness harness_;
  const json config_;
  std::string state_;
};

TEST(MetricTrigger, FiresOnTheEdgeAndAgainWhenItWasClear) {
  Watched watched(json{{"name", "m"}, {"above", 10}, {"clear", 8}});
  EXPECT_THAT(watched.sample(1, 10), IsEmpty());
  const auto fired = watched.sample(2, 11);
  ASSERT_THAT(fired, SizeIs(1));
  EXPECT_EQ(fired[0]["value"], 11);
  EXPECT_THAT(watched.sample(3, 12), IsEmpty());
  EXPECT_THAT(watched.sample(4, 9), IsEmpty());
  EXPECT_THAT(watched.sample(5, 11), IsEmpty()) << "it was not clear";
  EXPECT_THAT(watched.sample(6, 8), IsEmpty());
  EXPECT_THAT(watched.sample(7, 11), SizeIs(1));
}

TEST(MetricTrigger, MustHoldForSoLong) {
  Watched watched(json{{"name", "m"}, {"below", 0.8}, {"for", "10s"}});
  EXPECT_THAT(watched.sample(1, 0.7), IsEmpty());
  EXPECT_EQ(watched.next_us, 11 * kOne);
  EXPECT_THAT(watched.sample(5, 0.9), IsEmpty());
  EXPECT_EQ(watched.next_us, std::nullopt);
  EXPECT_THAT(watched.sample(6, 0.7), IsEmpty());
  EXPECT_THAT(watched.time(15.9), IsEmpty());
  EXPECT_THAT(watched.time(16), SizeIs(1)) << "without another sample";
  EXPECT_THAT(watched.time(17), IsEmpty());
}

TEST(MetricTrigger, AnIncreaseIsConsumedOnceOverAllSeriesAndRestarts) {
  Watched watched(
      {{"name", "m"}, {"function", "increase"}, {"above", 99}, {"labels", {{"s", "d"}}}});
  const json a = {{"s", "d"}, {"pod", "a"}}, b = {{"s", "d"}, {"pod", "b"}};
  EXPECT_THAT(watched.sample(1, 5000, a), IsEmpty()) << "nobody knows since when";
  EXPECT_THAT(watched.sample(2, 5060, a), IsEmpty());
  EXPECT_THAT(watched.sample(2, 7, b), IsEmpty());
  EXPECT_THAT(watched.sample(2, 900, {{"s", "other"}}), IsEmpty()) << "not meant";
  const auto fired = watched.sample(3, 47, b);
  ASSERT_THAT(fired, SizeIs(1));
  EXPECT_EQ(fired[0]["value"], 100);
  EXPECT_EQ(fired[0]["cursor"], (json{{a.dump(), 5060}, {b.dump(), 47}}));
  EXPECT_THAT(watched.sample(3, 47, b), IsEmpty()) << "the same sample again";
  EXPECT_THAT(watched.sample(4, 80, b), IsEmpty());
  EXPECT_THAT(watched.sample(5, 50, a), IsEmpty()) << "a was started again: 50 more";
  const auto again = watched.sample(6, 67, a);
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(again[0]["value"], 100);
}

TEST(MetricTrigger, FunctionsOfTheWindow) {
  const auto fires_at = [](const char* function, double above, const std::vector<double>& values) {
    Watched watched(
        json{{"name", "m"}, {"function", function}, {"above", above}, {"window", "3s"}});
    int at = 1;
    for (const double value : values) {
      if (!watched.sample(at, value).empty()) return at;
      ++at;
    }
    return 0;
  };
  EXPECT_EQ(fires_at("avg", 4, {1, 2, 3, 4, 5, 6}), 6) << "of 4, 5 and 6";
  EXPECT_EQ(fires_at("max", 4, {1, 2, 3, 4, 5, 6}), 5);
  EXPECT_EQ(fires_at("min", 3, {1, 2, 3, 4, 5, 6}), 6);
  EXPECT_EQ(fires_at("rate", 9, {0, 10, 20, 30}), 4) << "30 within 3 s";
}

TEST(MetricTrigger, ManySeriesAndSamplesStayWithinItsState) {
  Watched watched(json{{"name", "m"}, {"function", "avg"}, {"above", 2}});
  for (int i = 1; i < 700; ++i)
    EXPECT_THAT(watched.sample(i * 0.01, 1, {{"pod", std::string(100, 'p') + std::to_string(i)}}),
                IsEmpty());
}

TEST(MetricTrigger, WhatCannotBeSaysWhy) {
  scanflow::testing::Harness harness;
  const auto why = [&](const json& config) {
    const auto result = harness.wake<MetricTrigger>(config, {});
    return result.ok() ? "" : result.told.error;
  };
  EXPECT_THAT(why({{"name", "m"}}), HasSubstr("write one of them"));
  EXPECT_THAT(why({{"name", "m"}, {"above", 1}, {"below", 2}}), HasSubstr("write one of them"));
  EXPECT_THAT(why({{"name", "m"}, {"above", 1}, {"clear", 2}}),
              HasSubstr("clear: 2 is on the side"));
  EXPECT_THAT(why({{"name", "m"}, {"above", 1}, {"for", "long"}}), HasSubstr("for: 'long'"));
  EXPECT_THAT(why({{"name", "m"}, {"above", 1}, {"window", "0s"}}), HasSubstr("above 0"));
}

TEST(EventTrigger, FiresForThoseThatAreMeant) {
  scanflow::testing::Harness harness;
  const json config = {
      {"type", "drift.*"}, {"source", "team/checker"}, {"where", {{"severity", "high"}}}};
  const auto fires = [&](const json& event) {
    const auto result = harness.wake<EventTrigger>(
        config, {.reason = WakeReason::event, .now_us = 1, .event = event});
    EXPECT_TRUE(result.ok()) << result.told.error;
    return result.wake.fires.size();
  };
  json event = {
      {"type", "drift.found"}, {"source", "team/checker"}, {"payload", {{"severity", "high"}}}};
  EXPECT_EQ(fires(event), 1U);
  event["payload"]["severity"] = "low";
  EXPECT_EQ(fires(event), 0U);
  event["payload"] = 3;
  EXPECT_EQ(fires(event), 0U);
  event = {{"type", "retrained"}, {"source", "team/checker"}, {"payload", {{"severity", "high"}}}};
  EXPECT_EQ(fires(event), 0U);
  EXPECT_FALSE(harness.wake<EventTrigger>({{"type", "a*b"}}, {}).ok());
}

TEST(EventTrigger, MayBeOfSeveralTypes) {
  const EventTrigger trigger(
      {.type = "", .source = "", .types = {"drift.*", "drift.found", "retrained"}});
  EXPECT_THAT(trigger.watches(), SizeIs(3));
  EXPECT_EQ(trigger.watches()[2], (json{{"source", "events"}, {"type", "retrained"}}));
  scanflow::testing::Harness harness;
  const auto fires = [&](const char* type) {
    const auto result = harness.wake<EventTrigger>(
        {{"types", {"drift.*", "drift.found", "retrained"}}},
        {.reason = WakeReason::event, .now_us = 1, .event = {{"type", type}}});
    EXPECT_TRUE(result.ok()) << result.told.error;
    return result.wake.fires.size();
  };
  EXPECT_EQ(fires("drift.found"), 1U) << "two of them mean it";
  EXPECT_EQ(fires("retrained"), 1U);
  EXPECT_EQ(fires("retrained.late"), 0U);
}

TEST(EventTrigger, OneOfTypeAndTypesMustBeGiven) {
  scanflow::testing::Harness harness;
  const auto why = [&](const json& config) {
    const auto result = harness.wake<EventTrigger>(config, {});
    return result.ok() ? "" : result.told.error;
  };
  EXPECT_EQ(why({{"type", "a"}}), "");
  EXPECT_EQ(why({{"type", ""}, {"types", {"a"}}}), "") << "what a host fills in is not given";
  EXPECT_THAT(why(json::object()), HasSubstr("type, types: write one of them"));
  EXPECT_THAT(why({{"type", "a"}, {"types", {"b"}}}), HasSubstr("write one of them"));
  EXPECT_THAT(why({{"types", {"a", "b*c"}}}), HasSubstr("types: b*c: '*' may be its last"));
  EXPECT_THAT(why({{"types", {""}}}), HasSubstr("shorter than 1"));
  EXPECT_THAT(why({{"types", "a"}}), HasSubstr("with.types: expected a list, got \"a\""));
}

}  // namespace
}  // namespace scanflow::triggers
