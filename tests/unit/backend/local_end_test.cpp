// Stopping, killing, running out of memory: what becomes of an attempt and of what it left behind.
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>

#include "tests/unit/backend/harness.hpp"

namespace scanflow::backend {
namespace {

TEST(LocalEnd, StopEndsAProgramBySigterm) {
  Harness harness;
  auto request = harness.script("a", "trap 'echo bye; exit 0' TERM\necho $$ > " +
                                         (harness.files() / "pid").string() +
                                         "\nwhile true; do sleep 0.01; done");
  request.grace_us = 20'000'000;
  harness.launch(request);
  harness.pid_in("pid");
  harness.backend().stop(request.id, "cancelled");
  const auto result = harness.result(request.id);
  EXPECT_EQ(result.status, "cancelled");
  EXPECT_EQ(result.cause, "cancelled");
  EXPECT_NE(harness.log(result).find("bye\n"), std::string::npos) << harness.log(result);
}

TEST(LocalEnd, StopKillsAfterTheGraceAndLeavesNoOrphan) {
  Harness harness;
  const auto file = [&](const char* name) { return (harness.files() / name).string(); };
  // One grandchild in the group that ignores TERM, and one that left for a session of its own.
  const auto request =
      harness.script("a", "trap '' TERM\n(trap '' TERM; echo $BASHPID > " + file("child") +
                              "; exec sleep 1000) &\nsetsid bash -c 'echo $$ > " + file("daemon") +
                              "; exec sleep 1000' &\nwait");
  harness.launch(request);
  const pid_t child = harness.pid_in("child");
  const pid_t daemon = harness.pid_in("daemon");
  harness.backend().stop(request.id, "timeout");
  const auto result = harness.result(request.id);
  EXPECT_EQ(result.status, "cancelled");
  EXPECT_EQ(result.cause, "timeout");
  EXPECT_NE(result.message.find("did not end within its grace period"), std::string::npos)
      << result.message;
  EXPECT_TRUE(test::eventually([&] { return !alive(child); }));
  EXPECT_TRUE(test::eventually([&] { return !alive(daemon); }));
}

TEST(LocalEnd, AProgramThatEndsTakesItsBackgroundProcessesAlong) {
  Harness harness;
  const auto file = [&](const char* name) { return (harness.files() / name).string(); };
  const auto result = harness.run(harness.script(
      "a", "sleep 1000 &\necho $! > " + file("child") + "\nsetsid sleep 1000 &\necho $! > " +
               file("daemon") + "\nuntil [ \"$(ps -o comm= -p $!)\" = sleep ]; do :; done"));
  EXPECT_EQ(result.status, "succeeded") << result.message;
  // Those of the group are gone when the result is there; a daemon is found a moment later.
  EXPECT_FALSE(alive(harness.pid_in("child")));
  const pid_t daemon = harness.pid_in("daemon");
  EXPECT_TRUE(test::eventually([&] { return !alive(daemon); }));
}

TEST(LocalEnd, ADaemonOfAnotherAttemptIsLeftAlone) {
  Harness harness;
  const auto file = [&](const char* name) { return (harness.files() / name).string(); };
  const auto running = harness.script(
      "running", "(setsid sleep 1000 & echo $! > " + file("daemon") + ")\nsleep 1000");
  harness.launch(running);
  const pid_t daemon = harness.pid_in("daemon");
  harness.run(harness.script("other", "setsid sleep 1000 &\necho $! > " + file("other")));
  const pid_t other = harness.pid_in("other");
  EXPECT_TRUE(test::eventually([&] { return !alive(other); }));
  EXPECT_TRUE(alive(daemon));
  harness.backend().stop(running.id, "cancelled");
  harness.result(running.id);
  EXPECT_TRUE(test::eventually([&] { return !alive(daemon); }));
}

TEST(LocalEnd, KilledFromOutsideIsACrash) {
  Harness harness;
  const auto request = harness.command("a", {{"argv", {"sleep", "1000"}}});
  harness.launch(request);
  send_signal(harness.started(request.id), SIGKILL);
  const auto result = harness.result(request.id);
  EXPECT_EQ(result.status, "failed");
  EXPECT_EQ(result.cause, "crash");
  EXPECT_EQ(result.signal, SIGKILL);
}

class OutOfMemory : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { ::setenv("SCANFLOW_MEMORY", GetParam(), 1); }
  void TearDown() override { ::unsetenv("SCANFLOW_MEMORY"); }
};

TEST_P(OutOfMemory, OfAProgramSaysSo) {
  Harness harness;
  auto request = harness.script("a", "x=$(head -c 200000000 /dev/zero | tr '\\0' x); sleep 1000");
  request.memory_limit = 64u << 20;
  const auto result = harness.run(request);
  EXPECT_EQ(result.status, "failed");
  EXPECT_EQ(result.cause, "oom");
  EXPECT_NE(result.message.find("out of memory: limit 64 MiB, reached "), std::string::npos)
      << result.message;
}

TEST_P(OutOfMemory, OfAPluginSaysSo) {
  Harness harness;
  auto request = harness.plugin("a", "test.eat", {{"mebibytes", 300}});
  request.memory_limit = 128u << 20;
  const auto result = harness.run(request);
  EXPECT_EQ(result.cause, "oom") << result.message;
  EXPECT_NE(result.message.find("limit 128 MiB"), std::string::npos) << result.message;
  // The warm parent lives on.
  EXPECT_EQ(harness.run(harness.plugin("b", "test.echo")).status, "succeeded");
}

TEST_P(OutOfMemory, WithinTheLimitNothingHappens) {
  Harness harness;
  auto request = harness.command("a", {{"argv", {"echo", "fine"}}});
  request.memory_limit = 64u << 20;
  EXPECT_EQ(harness.run(request).status, "succeeded");
}

INSTANTIATE_TEST_SUITE_P(LocalEnd, OutOfMemory, testing::Values("auto", "watch"),
                         [](const auto& how) { return std::string(how.param); });

}  // namespace
}  // namespace scanflow::backend
