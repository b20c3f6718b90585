#include "engine/control/permission.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace scanflow::control {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kNow = 1'000'000'000;

class JudgeTest : public testing::Test {
 protected:
  JudgeTest() {
    rule_.name = "tell";
    rule_.on.uses = "event";
    rule_.allow = {"emit"};
  }
  Decision judged(Decision decision) {
    judge(rule_, guard_, decision, kNow, [this] { return others_; });
    return decision;
  }
  static Decision asks(const std::string& primitive, const std::string& state = "acting") {
    Decision decision;
    decision.state = state;
    decision.time_us = kNow;
    decision.by = "somebody";
    decision.actions = {{.primitive = primitive, .outcome = "DONE", .message = "said"}};
    return decision;
  }

  pipeline::AgentRule rule_;
  GuardState guard_;
  std::string others_;
};

TEST_F(JudgeTest, WhatMayBeIsAsItCameButForWhatOnlyTheServerKnows) {
  const Decision kept = judged(asks("emit"));
  EXPECT_EQ(kept.state, "acting");
  EXPECT_EQ(kept.mode, "act");
  EXPECT_EQ(kept.by, "");
  EXPECT_EQ(kept.depth, 1);
  EXPECT_EQ(kept.actions[0].outcome, "") << "nothing has been done yet";
  EXPECT_EQ(kept.ended_us, 0);
  EXPECT_EQ(guard_.to_json().size(), 1U);
}

TEST_F(JudgeTest, WhatTheRuleDoesNotAllowIsRefused) {
  const Decision refused = judged(asks("run_pipeline"));
  EXPECT_EQ(refused.state, "refused");
  EXPECT_THAT(refused.reason, HasSubstr("'run_pipeline', which the rule does not allow"));
  EXPECT_EQ(refused.ended_us, kNow);
  EXPECT_TRUE(guard_.to_json().empty());
}

TEST_F(JudgeTest, AStateIsWhatTheModeMakesOfIt) {
  EXPECT_EQ(judged(asks("emit", "done")).state, "refused") << "it was never asked for";
  rule_.guard.mode = pipeline::RuleMode::approve;
  EXPECT_EQ(judged(asks("emit")).state, "refused") << "nobody has approved it";
  EXPECT_EQ(judged(asks("emit", "waiting")).state, "waiting");
  rule_.guard.mode = pipeline::RuleMode::recommend;
  EXPECT_EQ(judged(asks("emit", "waiting")).state, "refused");
  EXPECT_EQ(judged(asks("emit", "recommended")).ended_us, kNow);
  EXPECT_EQ(judged(asks("emit", "failed")).state, "failed") << "nothing comes of it";
}

TEST_F(JudgeTest, ItsGuardHoldsByTheServersNotesAndClock) {
  rule_.guard.cooldown_us = 60'000'000;
  EXPECT_EQ(judged(asks("emit")).state, "acting");
  EXPECT_EQ(judged(asks("emit")).state, "held");
  for (const std::int64_t time_us :
       {kNow + 61'000'000, kNow - 7'200'000'000, INT64_MIN, INT64_MAX}) {
    Decision decision = asks("emit");
    decision.time_us = time_us;
    EXPECT_EQ(judged(decision).state, "held") << time_us;
    EXPECT_EQ(judged(decision).time_us, kNow);
  }
}

TEST_F(JudgeTest, ARuleThatWasIdleHasNotSavedUp) {
  rule_.guard.cooldown_us = 3'600'000'000;
  guard_.note(kNow - 100 * 3'600'000'000);
  Decision decision = asks("emit");
  decision.time_us = kNow - 50 * 3'600'000'000;
  EXPECT_EQ(judged(decision).state, "acting");
  decision.time_us = kNow - 3'600'000'000;
  EXPECT_EQ(judged(decision).state, "held");
}

TEST_F(JudgeTest, OthersHoldItToo) {
  others_ = "it is contested";
  const Decision held = judged(asks("emit"));
  EXPECT_EQ(held.state, "held");
  EXPECT_EQ(held.reason, "it is contested");
  EXPECT_TRUE(guard_.to_json().empty());
}

TEST_F(JudgeTest, WhoeverSubmitsIsGivenAdmitAlone) {
  rule_.on.uses = "submit";
  rule_.allow = {"admit", "emit"};
  EXPECT_EQ(judged(asks("admit", "done")).actions[0].outcome, "DONE");
  EXPECT_EQ(judged(asks("emit", "done")).state, "refused");
  EXPECT_EQ(judged(asks("admit")).state, "refused");
}

TEST_F(JudgeTest, ACircleEnds) {
  Decision deep = asks("emit");
  deep.depth = 17;
  EXPECT_THAT(judged(deep).reason, HasSubstr("is that a circle?"));
}

}  // namespace
}  // namespace scanflow::control
