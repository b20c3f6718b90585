#include "engine/control/guard.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace scanflow::control {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kGuardSecond = 1'000'000, kGuardMinute = 60 * kGuardSecond;

TEST(Guard, HoldsBackForItsCooldown) {
  GuardState state;
  const pipeline::RuleGuard guard{30 * kGuardSecond, 60, pipeline::RuleMode::act};
  EXPECT_EQ(state.why_not(guard, 0), "");
  state.note(100 * kGuardSecond);
  EXPECT_THAT(state.why_not(guard, 110 * kGuardSecond), HasSubstr("cools down for 20.0 s more"));
  EXPECT_EQ(state.why_not(guard, 130 * kGuardSecond), "");
}

TEST(Guard, BoundsHowMuchIsAskedForWithinAnHour) {
  GuardState state;
  const pipeline::RuleGuard guard{0, 3, pipeline::RuleMode::act};
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(state.why_not(guard, i * kGuardMinute), "");
    state.note(i * kGuardMinute);
  }
  EXPECT_THAT(state.why_not(guard, 4 * kGuardMinute), HasSubstr("3 times within the last hour"));
  EXPECT_EQ(state.why_not(guard, 61 * kGuardMinute), "") << "the first is an hour ago";
}

TEST(Guard, SurvivesARestartAndForgetsWhatIsLongAgo) {
  GuardState state;
  for (int i = 0; i < 10'000; ++i) state.note(i * kGuardSecond);
  const auto kept = state.to_json();
  EXPECT_LE(kept.size(), 3601);
  const GuardState again = GuardState::from_json(kept);
  const pipeline::RuleGuard guard{0, 3600, pipeline::RuleMode::act};
  EXPECT_NE(again.why_not(guard, 9999 * kGuardSecond), "");
  EXPECT_EQ(again.why_not(guard, 10'010 * kGuardSecond), "");
  EXPECT_EQ(GuardState::from_json("damaged").why_not(guard, 0), "");
}

}  // namespace
}  // namespace scanflow::control
