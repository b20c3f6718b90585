#include "sdk/base/signals.hpp"

#include <gtest/gtest.h>
#include <signal.h>

namespace scanflow {
namespace {

TEST(Signals, HaveNamesBothWays) {
  EXPECT_EQ(signal_named("SIGUSR1").value(), SIGUSR1);
  EXPECT_EQ(signal_named("USR1").value(), SIGUSR1);
  EXPECT_EQ(signal_name(SIGKILL), "SIGKILL");
  EXPECT_EQ(signal_name(64), "signal 64");
  for (const char* none : {"", "SIG", "SIGFOO", "usr1", "9"})
    EXPECT_FALSE(signal_named(none)) << none;
}

TEST(Signals, AnExitIsSaidInWords) {
  EXPECT_EQ(describe_exit(3 << 8), "exited with status 3");
  EXPECT_EQ(describe_exit(SIGSEGV), "was killed by SIGSEGV");
}

}  // namespace
}  // namespace scanflow
