// Rules that undo each other's work.
#include <gmock/gmock.h>

#include "engine/control/contests.hpp"

namespace scanflow::control {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kSecondUs = 1'000'000;

DecidedAction scale(int replicas, const std::string& object = "deployment/web") {
  return {.primitive = "scale", .target = {{"object", object}}, .args = {{"replicas", replicas}}};
}
DecidedAction promote(const json& version) {
  return {.primitive = "promote_model", .args = {{"name", "m"}, {"version", version}}};
}

class Quarrel : public testing::Test {
 protected:
  /// False: it is held.
  bool ask(const std::string& rule, const DecidedAction& action) {
    now_us += kSecondUs;
    if (!contests.why_not(rule, {action}, now_us).empty()) return false;
    if (auto contest = contests.note(rule, {action}, now_us)) begun = contest;
    return true;
  }
  Contests contests;
  std::optional<Contests::Contest> begun;
  std::int64_t now_us = 1000 * kSecondUs;
};

TEST_F(Quarrel, OneScalesUpAndOneDown) {
  int done = 0;
  for (int i = 0; i < 100; ++i) done += ask(i % 2 == 0 ? "ns/a/up" : "ns/b/down", scale(3 - i % 2));
  EXPECT_LE(done, 12) << "of 100 in 100 s: it is damped";
  ASSERT_TRUE(begun);
  EXPECT_EQ(begun->subject, "scale of deployment/web");
  EXPECT_THAT(begun->rules, testing::ElementsAre("ns/a/up", "ns/b/down"));
  EXPECT_THAT(contests.why_not("ns/a/up", {scale(3)}, now_us), HasSubstr("undo each other's work"));
  EXPECT_EQ(contests.why_not("ns/c/other", {scale(3)}, now_us), "") << "who is none of them may";
  EXPECT_EQ(contests.why_not("ns/a/up", {scale(3, "deployment/db")}, now_us), "");
}

TEST_F(Quarrel, EachContestHoldsLonger) {
  std::vector<std::int64_t> holds;
  std::int64_t before = 0;
  for (int i = 0; i < 4000; ++i) {
    ask(i % 2 == 0 ? "a" : "b", scale(3 - i % 2));
    if (begun && begun->until_us != before) {
      holds.push_back((begun->until_us - now_us) / kSecondUs);
      before = begun->until_us;
    }
  }
  ASSERT_GE(holds.size(), 4U);
  EXPECT_EQ(holds[0], 60);
  EXPECT_EQ(holds[1], 120);
  EXPECT_EQ(holds[3], 480);
}

TEST_F(Quarrel, WhatGoesTheSameWayIsNone) {
  for (int i = 1; i < 50; ++i) EXPECT_TRUE(ask(i % 2 == 0 ? "a" : "b", promote(i)));
  EXPECT_FALSE(begun);
}

TEST_F(Quarrel, OneRuleMayChangeItsMind) {
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(ask("a", scale(1 + i % 2)));
  EXPECT_FALSE(begun);
}

TEST_F(Quarrel, AliasesAreSetBack) {
  for (int i = 0; i < 20; ++i)
    ask(i % 2 == 0 ? "a" : "b", promote(i % 2 == 0 ? json("4") : json(3)));
  ASSERT_TRUE(begun);
  EXPECT_EQ(begun->subject, "alias champion of model m");
}

TEST_F(Quarrel, SlowOnesAreNone) {
  for (int i = 0; i < 50; ++i) {
    now_us += 300 * kSecondUs;
    EXPECT_TRUE(ask(i % 2 == 0 ? "a" : "b", scale(1 + i % 2)));
  }
  EXPECT_FALSE(begun);
}

}  // namespace
}  // namespace scanflow::control
