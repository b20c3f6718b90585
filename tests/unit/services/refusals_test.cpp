#include "engine/services/refusals.hpp"

#include <gtest/gtest.h>

namespace scanflow::services {
namespace {

constexpr std::int64_t kOneSecond = 1'000'000;

TEST(RefusalsTest, TheSameIsTriedAgainAfterGrowingWaits) {
  Refusals refusals;
  EXPECT_EQ(refusals.why_not("node", 1, 0), "");
  refusals.note("node", 1, "no file", 5 * kOneSecond, 0);
  EXPECT_EQ(refusals.why_not("node", 1, 2 * kOneSecond - 1), "no file");
  EXPECT_EQ(refusals.why_not("node", 1, 2 * kOneSecond), "");
  refusals.note("node", 1, "no room", 5 * kOneSecond, 2 * kOneSecond);
  EXPECT_EQ(refusals.why_not("node", 1, 6 * kOneSecond - 1), "no room");
  refusals.note("node", 1, "no room", 5 * kOneSecond, 6 * kOneSecond);
  EXPECT_EQ(refusals.why_not("node", 1, 11 * kOneSecond), "") << "the longest wait";
}

TEST(RefusalsTest, SomethingElseIsTriedAtOnce) {
  Refusals refusals;
  refusals.note("node", 1, "no file", 5 * kOneSecond, 0);
  EXPECT_EQ(refusals.why_not("node", 2, 0), "");
  EXPECT_EQ(refusals.why_not("backup", 1, 0), "");
  refusals.note("node", 2, "no file", 5 * kOneSecond, 0);
  EXPECT_EQ(refusals.why_not("node", 2, 2 * kOneSecond), "") << "it begins with the first wait";
  refusals.note("node", 2, "", 5 * kOneSecond, 2 * kOneSecond);
  EXPECT_EQ(refusals.why_not("node", 2, 2 * kOneSecond), "");
}

}  // namespace
}  // namespace scanflow::services
