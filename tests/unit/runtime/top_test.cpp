#include "engine/runtime/top.hpp"

#include <gtest/gtest.h>

#include "engine/runtime/recent_metrics.hpp"
#include "tests/support/seconds.hpp"

namespace scanflow::runtime {
namespace {

constexpr std::int64_t kNow = 1'700'000'000 * kSecond;

class TopTest : public testing::Test {
 protected:
  void sample(const std::string& name, const std::string& kind, double value,
              std::int64_t time_us = kNow, const std::string& attempt = "1") {
    const std::uint64_t number = metrics_.series(
        {"local", "local"},
        {1, name, kind, {{"run", "r1"}, {"step", "train"}, {"attempt", attempt}}}, kNow);
    const std::vector<hub::Sample> samples{{number, time_us, value}};
    metrics_.samples(samples, kNow);
  }
  json top(std::int64_t started_us = kNow - 60 * kSecond) {
    RunningAttempt attempt;
    attempt.id = {"r1", "train", 1};
    attempt.pipeline = "p";
    attempt.started_us = started_us;
    return top_document({attempt}, {}, metrics_.knowledge(), kNow)["attempts"][0];
  }

  RecentMetrics metrics_;
};

TEST_F(TopTest, WhatIsNotKnownIsNull) {
  const json shown = top();
  EXPECT_EQ(shown["run"], "r1");
  EXPECT_EQ(shown["pipeline"], "p");
  for (const char* name : {"progress", "memory_bytes", "memory_limit_bytes", "cpu_cores", "paused",
                           "throttle_share", "last"}) {
    EXPECT_TRUE(shown[name].is_null()) << name;
  }
  EXPECT_EQ(shown["metrics"], json::array());
}

TEST_F(TopTest, ShowsWhatSidecarsAndStepsSay) {
  sample("process_resident_memory_bytes", "gauge", 1e8);
  sample("container_memory_working_set_bytes", "gauge", 9e8);
  sample("container_other_processes", "gauge", 3);
  sample("container_memory_limit_bytes", "gauge", 1e9);
  sample("scanflow_paused", "gauge", 1);
  sample("scanflow_throttle_share", "gauge", 0.25);
  sample("loss", "gauge", 0.5, kNow - 20 * kSecond);
  sample("loss", "gauge", 0.4, kNow - 15 * kSecond);
  const json shown = top();
  EXPECT_EQ(shown["memory_bytes"], 1e8) << "the cgroup is not its alone";
  EXPECT_EQ(shown["memory_limit_bytes"], 1e9);
  EXPECT_EQ(shown["paused"], true);
  EXPECT_EQ(shown["throttle_share"], 0.25);
  ASSERT_EQ(shown["metrics"].size(), 1u) << shown["metrics"];
  EXPECT_EQ(shown["metrics"][0]["name"], "loss");
  EXPECT_EQ(shown["metrics"][0]["value"], 0.4);
  EXPECT_EQ(shown["metrics"][0]["labels"], json::object());
  sample("container_other_processes", "gauge", 0, kNow + 1);
  EXPECT_EQ(top()["memory_bytes"], 9e8);
}

TEST_F(TopTest, CpuIsOfTheLastSeconds) {
  for (int second = 30; second >= 0; --second) {
    const std::int64_t at = kNow - second * kSecond;
    sample("process_cpu_user_seconds_total", "counter", (30 - second) * 1.5, at);
    sample("process_cpu_system_seconds_total", "counter", (30 - second) * 0.5, at);
  }
  EXPECT_NEAR(top()["cpu_cores"].get<double>(), 2.0, 1e-9);
}

TEST_F(TopTest, NothingOfOtherAttemptsNorOfLongAgo) {
  sample("process_resident_memory_bytes", "gauge", 1e8, kNow, "2");
  sample("scanflow_paused", "gauge", 1, kNow - 60 * kSecond);
  EXPECT_TRUE(top()["memory_bytes"].is_null());
  EXPECT_TRUE(top()["paused"].is_null());
}

TEST(TopPods, ThoseThatWaitHaveNoAttempt) {
  backend::PodStatus busy;
  busy.name = "scanflow-1";
  busy.attempt = protocol::AttemptId{"r1", "train", 2};
  backend::PodStatus idle;
  idle.name = "scanflow-2";
  idle.node = "host7";
  idle.uses = 3;
  idle.most_uses = 50;
  idle.idle_us = 5;
  const json pods = top_document({}, {busy, idle}, nullptr, kNow)["pods"];
  ASSERT_EQ(pods.size(), 2u);
  EXPECT_EQ(pods[0]["run"], "r1");
  EXPECT_EQ(pods[0]["attempt"], 2);
  EXPECT_TRUE(pods[1]["run"].is_null());
  EXPECT_EQ(pods[1]["node"], "host7");
  EXPECT_EQ(pods[1]["uses"], 3);
  EXPECT_EQ(pods[1]["most_uses"], 50);
  EXPECT_EQ(pods[1]["idle_us"], 5);
}

}  // namespace
}  // namespace scanflow::runtime
