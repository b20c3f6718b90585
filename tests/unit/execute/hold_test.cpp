#include "sidecar/execute/hold.hpp"

#include <gtest/gtest.h>

namespace scanflow::execute {
namespace {

TEST(Hold, AThrottleRunsForItsShareOfEachPeriod) {
  Hold hold;
  hold.throttle(0.25, {}, 1'000);
  EXPECT_FALSE(hold.stopped(1'000));
  EXPECT_EQ(hold.wake_us(1'000), 26'000);
  EXPECT_TRUE(hold.stopped(26'000));
  EXPECT_EQ(hold.wake_us(26'000), 101'000);
  EXPECT_FALSE(hold.stopped(101'000));
}

TEST(Hold, APauseIsStrongerThanAThrottle) {
  Hold hold;
  hold.throttle(0.5, {}, 0);
  hold.pause({});
  EXPECT_TRUE(hold.stopped(10'000));
  EXPECT_EQ(hold.wake_us(10'000), Hold::kNever);
  hold.resume();
  EXPECT_FALSE(hold.stopped(10'000));
}

TEST(Hold, ByItsOwnCommandItIsNotStopped) {
  Hold hold;
  hold.pause({.how = Hold::How::command});
  EXPECT_FALSE(hold.stopped(0));
  EXPECT_TRUE(hold.paused());
}

TEST(Hold, ALeaseIsOverAfterItsTimeOrWithoutAnybodyWhoWatches) {
  const std::optional<Hold::Lease> timed = Hold::Lease{.until_us = 100, .watched = false};
  EXPECT_FALSE(Hold::over(timed, 99, false));
  EXPECT_TRUE(Hold::over(timed, 100, true));
  const std::optional<Hold::Lease> watched = Hold::Lease{};
  EXPECT_FALSE(Hold::over(watched, 1'000'000'000, true));
  EXPECT_TRUE(Hold::over(watched, 0, false));
  EXPECT_FALSE(Hold::over(std::nullopt, 0, false));
}

}  // namespace
}  // namespace scanflow::execute
