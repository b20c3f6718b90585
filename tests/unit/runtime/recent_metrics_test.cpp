#include "engine/runtime/recent_metrics.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/support/seconds.hpp"

namespace scanflow::runtime {
namespace {

constexpr std::int64_t kSampledAt = 1'700'000'000 * kSecond;
const hub::SidecarKey kSidecar{"local", "local"};

protocol::Metric accuracy(std::int64_t time_us, double value) {
  protocol::Metric metric;
  metric.id = {"r1", "train", 2};
  metric.name = "accuracy";
  metric.value = value;
  metric.time_us = time_us;
  metric.labels = {{"split", "test"}};
  return metric;
}

std::optional<double> last(const RecentMetrics& metrics, const std::string& name) {
  knowledge::Query query;
  query.name = name;
  const auto answer = metrics.knowledge()->ask(query, kSampledAt);
  return answer ? answer->value : std::nullopt;
}

class RecentMetricsTest : public testing::Test {
 protected:
  std::vector<std::string> warnings_;
  RecentMetrics::Warn warn_ = [this](const std::string& what) { warnings_.push_back(what); };
};

TEST_F(RecentMetricsTest, AnEngineWithoutMetricsPaysForNone) {
  RecentMetrics metrics(warn_);
  metrics.maintain(kSampledAt);
  EXPECT_EQ(metrics.knowledge(), nullptr);
  metrics.logged(accuracy(kSampledAt, 0.5), kSampledAt);
  EXPECT_NE(metrics.knowledge(), nullptr);
}

TEST_F(RecentMetricsTest, WhatStepsLogHasTheAttemptAndItsOwnLabels) {
  RecentMetrics metrics(warn_);
  metrics.logged(accuracy(kSampledAt - 2 * kSecond, 0.5), kSampledAt);
  metrics.logged(accuracy(kSampledAt - kSecond, 0.75), kSampledAt);
  const auto series = metrics.knowledge()->series("accuracy", {}, 10);
  ASSERT_EQ(series.size(), 1u);
  EXPECT_EQ(series[0].labels,
            (Labels{{"run", "r1"}, {"step", "train"}, {"attempt", "2"}, {"split", "test"}}));
  EXPECT_EQ(series[0].kind, knowledge::Kind::gauge);
  EXPECT_EQ(last(metrics, "accuracy"), 0.75);
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(RecentMetricsTest, SidecarsNameTheirSeriesAndSendSamplesByNumber) {
  RecentMetrics metrics(warn_);
  const Labels labels{{"run", "r1"}, {"step", "train"}, {"attempt", "1"}};
  const std::uint64_t cpu =
      metrics.series(kSidecar, {1, "container_cpu_seconds_total", "counter", labels}, kSampledAt);
  const std::uint64_t disk = metrics.series(
      kSidecar, {2, "volume_available_bytes", "gauge", {{"volume", "/"}}}, kSampledAt);
  ASSERT_NE(cpu, 0u);
  ASSERT_NE(disk, 0u);
  EXPECT_NE(cpu, disk);
  const std::vector<hub::Sample> samples{
      {cpu, kSampledAt - 10 * kSecond, 5}, {disk, kSampledAt - kSecond, 1e9}, {cpu, kSampledAt, 8}};
  metrics.samples(samples, kSampledAt);
  EXPECT_EQ(last(metrics, "container_cpu_seconds_total"), 8);
  EXPECT_EQ(last(metrics, "volume_available_bytes"), 1e9);
  EXPECT_EQ(metrics.knowledge()->series("volume_available_bytes", {}, 10)[0].labels,
            (Labels{{"volume", "/"}, {"pod", "local"}}));
  // In another session of the sidecar it is the same series.
  EXPECT_EQ(
      metrics.series(kSidecar, {9, "container_cpu_seconds_total", "counter", labels}, kSampledAt),
      cpu);
}

TEST_F(RecentMetricsTest, WhatIsRefusedHasNoNumberAndIsToldOnce) {
  RecentMetrics metrics(warn_);
  metrics.logged(accuracy(kSampledAt, 0.5), kSampledAt);
  const protocol::Series as_counter{1, "accuracy", "counter", {{"run", "r2"}}};
  for (int i = 0; i < 3; ++i) EXPECT_EQ(metrics.series(kSidecar, as_counter, kSampledAt), 0u);
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_NE(warnings_[0].find("metric 'accuracy' is a gauge"), std::string::npos) << warnings_[0];
}

TEST_F(RecentMetricsTest, ALimitOfSeriesIsToldOnceForEachName) {
  knowledge::Options options;
  options.max_series_per_name = 2;
  RecentMetrics metrics(warn_, options);
  for (int i = 0; i < 10; ++i) {
    protocol::Metric metric = accuracy(kSampledAt, 0.5);
    metric.id.step = "train" + std::to_string(i);
    metrics.logged(metric, kSampledAt);
  }
  EXPECT_EQ(metrics.knowledge()->series("accuracy", {}, 10).size(), 2u);
  ASSERT_EQ(warnings_.size(), 1u);
}

TEST_F(RecentMetricsTest, SamplesOfASeriesThatWasForgottenAreTold) {
  RecentMetrics metrics(warn_);
  const std::uint64_t number = metrics.series(kSidecar, {1, "queue", "gauge", {}}, kSampledAt);
  const std::int64_t later = kSampledAt + kSecond * 2 * 3600;
  metrics.maintain(later);
  const std::vector<hub::Sample> samples{{number, later, 1}};
  metrics.samples(samples, later);
  metrics.samples(samples, later);
  EXPECT_EQ(metrics.knowledge()->series("queue", {}, 10).size(), 0u);
  ASSERT_EQ(warnings_.size(), 1u);
  const std::uint64_t again = metrics.series(kSidecar, {1, "queue", "gauge", {}}, later);
  EXPECT_NE(again, number);
}

// The hub's thread, the strand and whoever asks, at once: for the thread sanitizer.
TEST_F(RecentMetricsTest, ThreadsWriteAndReadAtOnce) {
  RecentMetrics metrics;
  std::jthread hub([&] {
    const std::uint64_t number = metrics.series(kSidecar, {1, "queue", "gauge", {}}, kSampledAt);
    for (int i = 0; i < 2000; ++i) {
      const std::vector<hub::Sample> samples{{number, kSampledAt + i, 1.0 * i}};
      metrics.samples(samples, kSampledAt);
    }
  });
  std::jthread strand([&] {
    for (int i = 0; i < 2000; ++i) metrics.logged(accuracy(kSampledAt + i, i), kSampledAt);
  });
  std::jthread reader([&] {
    for (int i = 0; i < 2000; ++i) {
      if (const auto* known = metrics.knowledge()) (void)known->series("", {}, 10);
    }
  });
  hub.join();
  strand.join();
  reader.join();
  EXPECT_EQ(metrics.knowledge()->usage().samples[0], 4000u);
}

}  // namespace
}  // namespace scanflow::runtime
