#include "engine/worker/outcome.hpp"

#include <gtest/gtest.h>

#include <csignal>

namespace scanflow::worker {
namespace {

constexpr int exited(int code) { return code << 8; }

protocol::Result judged(const Ending& ending) {
  protocol::Result result;
  judge(ending, result);
  return result;
}

TEST(Outcome, ZeroIsSuccess) {
  const auto result = judged({});
  EXPECT_EQ(result.status, "succeeded");
  EXPECT_EQ(result.cause, "");
}

TEST(Outcome, AStatusNamesTheLastLine) {
  Ending ending;
  ending.wait_status = exited(3);
  ending.last_line = "no such table";
  const auto result = judged(ending);
  EXPECT_EQ(result.cause, "exit");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.message, "exited with status 3; last line: no such table");
}

TEST(Outcome, ASignalIsACrash) {
  Ending ending;
  ending.wait_status = SIGSEGV | 0x80;  // with a core dump
  EXPECT_EQ(judged(ending).message, "killed by SIGSEGV (Segmentation fault)");
  EXPECT_EQ(judged(ending).signal, SIGSEGV);
  ending.wait_status = 40;
  EXPECT_EQ(judged(ending).message.substr(0, 19), "killed by signal 40");
}

TEST(Outcome, OurOwnStopIsNoFailure) {
  Ending ending;
  ending.wait_status = SIGTERM;
  ending.stop_reason = "timeout";
  ending.ran_us = 2'000'000;
  auto result = judged(ending);
  EXPECT_EQ(result.status, "cancelled");
  EXPECT_EQ(result.cause, "timeout");
  EXPECT_EQ(result.message, "stopped after 2.0 s: timeout");
  ending.killed_by_us = true;
  EXPECT_EQ(judged(ending).message,
            "stopped after 2.0 s: timeout; it did not end within its grace period and was killed "
            "(SIGKILL)");
}

TEST(Outcome, OutOfMemorySaysLimitPeakAndTime) {
  Ending ending;
  ending.wait_status = SIGKILL;
  ending.out_of_memory = true;
  ending.memory_limit = 64u << 20;
  ending.memory_peak = 64u << 20;
  ending.ran_us = 400'000;
  const auto result = judged(ending);
  EXPECT_EQ(result.cause, "oom");
  EXPECT_EQ(result.message.substr(0, 71),
            "out of memory: limit 64 MiB, reached 64 MiB after 0.4 s; killed (SIGKIL");
  // A program that copes with a killed child has not failed.
  ending.wait_status = exited(0);
  EXPECT_EQ(judged(ending).status, "succeeded");
}

TEST(Outcome, APluginThatExitsHasNotReturned) {
  Ending ending;
  ending.plugin = true;
  const auto result = judged(ending);
  EXPECT_EQ(result.status, "failed");
  EXPECT_EQ(result.cause, "exit");
}

}  // namespace
}  // namespace scanflow::worker
