#include "engine/runtime/metric_answers.hpp"

#include <gtest/gtest.h>

#include "tests/support/seconds.hpp"

namespace scanflow::runtime {
namespace {

constexpr std::int64_t kAskedAt = 1'700'000'000 * kSecond;

pipeline::MetricQuery query(const std::string& function, const std::string& name,
                            const std::string& selector = "") {
  pipeline::MetricQuery asked;
  asked.function = function;
  asked.name = name;
  asked.labels = LabelSelector::parse(selector).value();
  return asked;
}

store::MetricRow row(std::int64_t age_us, double value) {
  store::MetricRow row;
  row.run = "r1";
  row.step = "train";
  row.attempt = 1;
  row.name = "loss";
  row.labels = R"({"split":"test"})";
  row.time_us = kAskedAt - age_us;
  row.value = value;
  return row;
}

TEST(MetricAnswers, NothingWasMeasured) {
  const RecentMetrics recent;
  EXPECT_EQ(ask_metrics(recent, query("last", "loss"), kAskedAt).value(), std::nullopt);
}

TEST(MetricAnswers, WhatAnEarlierEngineKeptIsKnownAgain) {
  RecentMetrics recent;
  // As the store has them: not by time.
  remember(recent, {row(2 * kSecond, 0.25), row(9 * kSecond, 0.75), row(kSecond * 48 * 3600, 5)},
           kAskedAt);
  EXPECT_EQ(ask_metrics(recent, query("last", "loss"), kAskedAt).value(), 0.25);
  EXPECT_EQ(
      ask_metrics(recent, query("max", "loss", "run=r1,step=train,split=test"), kAskedAt).value(),
      0.75);
  EXPECT_EQ(ask_metrics(recent, query("sum", "loss"), kAskedAt).value(), 1.0);
  EXPECT_EQ(ask_metrics(recent, query("last", "loss", "step=other"), kAskedAt).value(),
            std::nullopt);
  remember(recent, {row(2 * kSecond, 0.25)}, kAskedAt);
  EXPECT_EQ(ask_metrics(recent, query("sum", "loss"), kAskedAt).value(), 1.0) << "told twice";
}

TEST(MetricAnswers, TheWindowAndTheQuantileAreHandedOn) {
  RecentMetrics recent;
  remember(recent, {row(30 * kSecond, 4), row(20 * kSecond, 1), row(10 * kSecond, 3)}, kAskedAt);
  pipeline::MetricQuery asked = query("quantile", "loss");
  asked.q = 1;
  EXPECT_EQ(ask_metrics(recent, asked, kAskedAt).value(), 4.0);
  asked.window_us = 25 * kSecond;
  EXPECT_EQ(ask_metrics(recent, asked, kAskedAt).value(), 3.0);
  asked.window_us = 5 * kSecond;
  EXPECT_EQ(ask_metrics(recent, asked, kAskedAt).value(), std::nullopt);
}

TEST(MetricAnswers, ALoggedMetricIsAGaugeAndHasNoRate) {
  RecentMetrics recent;
  remember(recent, {row(kSecond, 1)}, kAskedAt);
  const auto answered = ask_metrics(recent, query("rate", "loss"), kAskedAt);
  ASSERT_FALSE(answered);
  EXPECT_NE(answered.error().message.find("'loss': it is a gauge"), std::string::npos)
      << answered.error().message;
  EXPECT_FALSE(ask_metrics(recent, query("median", "loss"), kAskedAt));
}

}  // namespace
}  // namespace scanflow::runtime
