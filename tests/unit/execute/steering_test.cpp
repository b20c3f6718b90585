#include "sidecar/execute/steering.hpp"

#include <gtest/gtest.h>
#include <signal.h>

namespace scanflow::execute {
namespace {

TEST(Steering, ReadsAllOfIt) {
  const auto steering = parse_steering(R"({
    "rules": ["memory_used_ratio > 0.92 rising for 5s -> checkpoint"],
    "hooks": {"warm": ["/opt/warm", "-v"]},
    "checkpoint": {"signal": "USR1", "file": "/data/state"},
    "liveness": "30s", "of a newer engine": 1})");
  ASSERT_TRUE(steering) << steering.error().message;
  EXPECT_EQ(steering->rules.size(), 1U);
  EXPECT_EQ(steering->hooks.at("warm"), (Argv{"/opt/warm", "-v"}));
  EXPECT_EQ(steering->checkpoint_signal, SIGUSR1);
  EXPECT_EQ(steering->checkpoint_file, "/data/state");
  EXPECT_EQ(steering->liveness_us, 30'000'000);
}

TEST(Steering, NothingIsNothing) {
  const auto steering = parse_steering("{}");
  ASSERT_TRUE(steering);
  EXPECT_TRUE(steering->rules.empty());
  EXPECT_EQ(steering->checkpoint_signal, 0);
}

TEST(Steering, SaysWhatIsWrong) {
  EXPECT_FALSE(parse_steering("[]"));
  EXPECT_FALSE(parse_steering(R"({"hooks": 1})"));
  EXPECT_FALSE(parse_steering(R"({"liveness": "soon"})"));
  const auto signal = parse_steering(R"({"checkpoint": {"signal": "SIGFOO"}})");
  ASSERT_FALSE(signal);
  EXPECT_EQ(signal.error().message, "there is no signal 'SIGFOO' (SIGUSR1 is one)");
}

}  // namespace
}  // namespace scanflow::execute
