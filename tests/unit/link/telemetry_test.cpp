#include "sidecar/link/telemetry.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace scanflow::link {
namespace {

using testing::ElementsAre;

TEST(TelemetryRing, DropsTheOldestAndSaysSo) {
  TelemetryRing ring(3, 10);
  const std::uint32_t cpu = ring.series("cpu", "gauge", {{"step", "a"}});
  for (int i = 0; i < 5; ++i) ring.add(cpu, 1000 + i, i);
  protocol::Telemetry batch;
  ASSERT_TRUE(ring.take(2, batch));
  EXPECT_THAT(batch.values, ElementsAre(2, 3));
  EXPECT_THAT(batch.times, ElementsAre(0, 1));
  EXPECT_EQ(batch.time_us, 1002);
  EXPECT_EQ(batch.first, 3u);
  EXPECT_EQ(batch.produced, 5u);
  EXPECT_EQ(batch.dropped, 2u);
  ASSERT_EQ(batch.series.size(), 1u);
  EXPECT_EQ(batch.series[0].labels.at("step"), "a");
  ring.add(cpu, 1005, 5);
  protocol::Telemetry second;
  ASSERT_TRUE(ring.take(10, second));
  EXPECT_EQ(second.first, 5u);
  EXPECT_TRUE(second.series.empty()) << "it is known by now";
  EXPECT_FALSE(ring.take(10, second));
  ring.name_all();
  ring.add(cpu, 1006, 6);
  protocol::Telemetry third;
  ASSERT_TRUE(ring.take(10, third));
  EXPECT_EQ(third.series.size(), 1u) << "a new session knows none";
}

TEST(TelemetryRing, SeriesHaveALimit) {
  TelemetryRing ring(10, 2);
  EXPECT_EQ(ring.series("a", "gauge", {}), 1u);
  EXPECT_EQ(ring.series("a", "gauge", {{"x", "1"}}), 2u);
  EXPECT_EQ(ring.series("a", "gauge", {{"x", "2"}}), 0u);
  EXPECT_EQ(ring.series("a", "gauge", {}), 1u) << "known ones stay";
  EXPECT_EQ(ring.refused(), 1u);
  ring.add(0, 1, 1);
  ring.add(7, 1, 1);
  EXPECT_EQ(ring.account().produced, 0u) << "of no series";
}

TEST(TelemetryRing, TheAccountBalancesWhateverHappens) {
  std::mt19937 random(7);
  TelemetryRing ring(50, 5);
  std::uint64_t next = 1;
  for (int i = 0; i < 20'000; ++i) {
    if (random() % 3 != 0) {
      ring.add(ring.series("m" + std::to_string(random() % 5), "gauge", {}), i, i);
    } else {
      protocol::Telemetry batch;
      if (ring.take(random() % 20, batch)) {
        EXPECT_GE(batch.first, next) << "numbers never go back";
        next = batch.first + batch.numbers.size();
      }
    }
    const protocol::Account& account = ring.account();
    ASSERT_EQ(account.produced, account.sent + account.dropped + ring.waiting());
  }
}

}  // namespace
}  // namespace scanflow::link
