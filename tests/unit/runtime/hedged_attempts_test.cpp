#include "engine/runtime/hedged_attempts.hpp"

#include <gtest/gtest.h>

namespace scanflow::runtime {
namespace {

TEST(HedgedAttempts, AreTheTwoThatRanAtOnceAndThoseBehindThem) {
  HedgedAttempts of;
  of.started(1, 10);
  of.ended(1, 20, "crash");
  EXPECT_FALSE(of.any()) << "one after the other";
  of.started(2, 30);
  of.started(3, 40);
  EXPECT_TRUE(of.any());
  of.ended(3, 50, "none");
  of.ended(2, 60, "superseded");
  const json expected = {{"attempts",
                          {{{"attempt", 2},
                            {"started_us", 30},
                            {"ended_us", 60},
                            {"cause", "superseded"},
                            {"hedge", false}},
                           {{"attempt", 3},
                            {"started_us", 40},
                            {"ended_us", 50},
                            {"cause", nullptr},
                            {"hedge", true}}}},
                         {"first", 3}};
  EXPECT_EQ(of.document(), expected) << "not the one before";
}

TEST(HedgedAttempts, NoneIsFirstWhereBothFail) {
  HedgedAttempts of;
  of.started(1, 10);
  of.started(2, 20);
  of.ended(1, 30, "crash");
  of.ended(2, 40, "oom");
  EXPECT_EQ(of.document().at("first"), nullptr);
  of.started(3, 50);
  EXPECT_EQ(of.document().at("attempts").at(2).at("hedge"), false);
}

}  // namespace
}  // namespace scanflow::runtime
