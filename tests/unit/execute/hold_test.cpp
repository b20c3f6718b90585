#include "sidecar/execute/hold.hpp"

#include <gtest/gtest.h>

namespace scanflow::execute {
namespace {

TEST(Hold, AThrottleRunsForItsShareOfEachPeriod) {
  Hold hold;
  hold.throttle(0.25, {}, 1'000);
  EXPECT_FALSE(hold.shall_stop(1'000));
  EXPECT_EQ(hold.wake_us(1'000), 26'000);
  EXPECT_TRUE(hold.shall_stop(26'000));
  hold.turned(true, 26'000);
  EXPECT_EQ(hold.wake_us(26'000), 101'000);
  EXPECT_FALSE(hold.shall_stop(101'000));
}

TEST(Hold, AfterATurnThatWasTooLongAThrottleStopsForLonger) {
  Hold hold;
  hold.throttle(0.25, {}, 0);
  EXPECT_TRUE(hold.shall_stop(40'000));
  hold.turned(true, 40'000);  // 15 ms late
  EXPECT_TRUE(hold.shall_stop(159'999));
  EXPECT_FALSE(hold.shall_stop(160'000));
  hold.turned(false, 170'000);
  EXPECT_EQ(hold.wake_us(170'000), 195'000);
  hold.turned(true, 200'000'000);  // the machine slept
  EXPECT_EQ(hold.wake_us(200'000'000), 205'000'000) << "bounded";
}

TEST(Hold, AThrottleThatIsRenewedGoesOnWithItsTurns) {
  Hold hold;
  hold.throttle(0.25, {}, 0);
  hold.turned(true, 25'000);
  hold.throttle(0.25, {}, 50'000);
  EXPECT_TRUE(hold.shall_stop(50'000));
  EXPECT_EQ(hold.wake_us(50'000), 100'000);
}

TEST(Hold, AThrottleBegunInAPauseRunsFirst) {
  Hold hold;
  hold.pause({});
  hold.turned(true, 3'600'000'000);
  hold.throttle(0.25, {}, 3'600'000'001);
  hold.resume();
  EXPECT_FALSE(hold.shall_stop(3'600'000'002));
}

TEST(Hold, APauseIsStrongerThanAThrottle) {
  Hold hold;
  hold.throttle(0.5, {}, 0);
  hold.pause({});
  EXPECT_TRUE(hold.shall_stop(10'000));
  EXPECT_EQ(hold.wake_us(10'000), Hold::kNever);
  hold.resume();
  EXPECT_FALSE(hold.shall_stop(10'000));
}

TEST(Hold, ByItsOwnCommandItIsNotStopped) {
  Hold hold;
  hold.pause({.how = Hold::How::command});
  EXPECT_FALSE(hold.shall_stop(0));
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
