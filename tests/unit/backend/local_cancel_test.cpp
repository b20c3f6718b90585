// Cancelling: whatever the attempt has started and however it clings to life, nothing is left of it.
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/unit/backend/harness.hpp"

namespace scanflow::backend {
namespace {

constexpr std::int64_t kLongUs = 20'000'000;  // a grace that no test waits for

class LocalCancel : public testing::Test {
 protected:
  std::string file(const std::string& name) const { return (harness_.files() / name).string(); }

  /// Launches the script, whose parts say in files when they are there.
  protocol::Request launch(const std::string& text, std::int64_t grace_us,
                           const std::string& step = "a") {
    auto request = harness_.script(step, text);
    request.grace_us = grace_us;
    harness_.launch(request);
    return request;
  }

  protocol::Result cancel(const protocol::Request& request) {
    harness_.backend().stop(request.id, "cancelled");
    const auto result = harness_.result(request.id);
    EXPECT_EQ(result.status, "cancelled");
    return result;
  }

  static bool ends(pid_t pid) {
    return test::eventually([&] { return !alive(pid); });
  }
  bool only_the_supervisor_is_left() const {
    return test::eventually(
        [this] { return harness_.processes() == std::vector<pid_t>{harness_.supervisor()}; });
  }

  Harness harness_;
};

/// Shell text: `daemon NAME` starts a process in a session of its own that nobody is the parent of,
/// without an environment that says whose it is.
const char* const kDaemon =
    "daemon() { (setsid env -i bash -c 'echo $$ > '$1'; exec sleep 1000' &) }\n";

TEST_F(LocalCancel, AProgramThatEndsInTimeHasNoOutputs) {
  const auto request = launch(
      "trap 'echo a=1 >> $SCANFLOW_OUTPUT; echo x > $SCANFLOW_ARTIFACTS/x; exit 0' TERM\n"
      "echo $$ > " +
          file("pid") + "\nwhile :; do sleep 0.01; done",
      kLongUs);
  harness_.pid_in("pid");
  const auto result = cancel(request);
  EXPECT_EQ(result.outputs, "{}");
  EXPECT_TRUE(result.artifacts.empty());
  EXPECT_EQ(result.message.find("killed"), std::string::npos) << result.message;
}

TEST_F(LocalCancel, AChildThatIgnoresItIsKilledAfterTheGrace) {
  const auto request = launch(
      "(trap '' TERM; echo $BASHPID > " + file("child") + "; exec sleep 1000) &\nwait", 100'000);
  const pid_t child = harness_.pid_in("child");
  const auto result = cancel(request);
  EXPECT_NE(result.message.find("did not end within its grace period and was killed"),
            std::string::npos)
      << result.message;
  EXPECT_FALSE(alive(child));
}

TEST_F(LocalCancel, AChildHasItsGraceThoughTheLeaderEndsAtOnce) {
  const auto request = launch("(trap 'echo saved; exit' TERM; echo $BASHPID > " + file("child") +
                                  "; while :; do sleep 0.01; done) &\nwait",
                              kLongUs);
  const pid_t child = harness_.pid_in("child");
  const auto result = cancel(request);
  EXPECT_NE(harness_.log(result).find("saved\n"), std::string::npos) << harness_.log(result);
  EXPECT_EQ(result.message.find("killed"), std::string::npos) << result.message;
  EXPECT_FALSE(alive(child));
}

TEST_F(LocalCancel, AStoppedProgramIsWoken) {
  const auto request = launch("trap 'echo bye; exit' TERM\necho $$ > " + file("pid") +
                                  "\nkill -STOP $$\nwhile :; do sleep 0.01; done",
                              kLongUs);
  const pid_t pid = harness_.pid_in("pid");
  EXPECT_TRUE(test::eventually([&] { return state_of(pid) == 'T'; }));
  EXPECT_EQ(harness_.log(cancel(request)), "bye\n");
}

TEST_F(LocalCancel, AStoppedProcessInAnotherSessionIsKilled) {
  const auto request = launch(
      "setsid bash -c 'echo $$ > " + file("stopped") + "; kill -STOP $$; sleep 1000' &\nwait",
      100'000);
  const pid_t stopped = harness_.pid_in("stopped");
  EXPECT_TRUE(test::eventually([&] { return state_of(stopped) == 'T'; }));
  cancel(request);
  EXPECT_TRUE(ends(stopped));
}

TEST_F(LocalCancel, AStoppedPluginIsWoken) {
  auto request = harness_.plugin("a", "test.hang");
  request.grace_us = kLongUs;
  harness_.launch(request);
  const pid_t pid = harness_.started(request.id);
  EXPECT_TRUE(test::eventually([&] { return !harness_.metrics(request.id).empty(); }));
  send_signal(pid, SIGSTOP);
  EXPECT_TRUE(test::eventually([&] { return state_of(pid) == 'T'; }));
  EXPECT_EQ(cancel(request).message, "stopped when asked to");
}

TEST_F(LocalCancel, ADaemonWithoutAnEnvironmentIsFound) {
  const auto request =
      launch(std::string(kDaemon) + "daemon " + file("daemon") + "\nwhile :; do sleep 0.01; done",
             kLongUs);
  const pid_t daemon = harness_.pid_in("daemon");
  cancel(request);
  EXPECT_TRUE(ends(daemon));
}

TEST_F(LocalCancel, ADaemonThatMayBeAnothersIsKilledWhenThatOneHasEnded) {
  const auto older = launch("echo $$ > " + file("older") + "\nsleep 1000", kLongUs, "older");
  harness_.pid_in("older");
  harness_.run(harness_.script("a", std::string(kDaemon) + "daemon " + file("daemon") +
                                        "\nuntil [ -s " + file("daemon") + " ]; do :; done"));
  const pid_t daemon = harness_.pid_in("daemon");
  // Another look through all processes finds what is certain, and leaves the daemon alone.
  harness_.run(harness_.script("b", "setsid sleep 1000 &\necho $! > " + file("certain")));
  EXPECT_TRUE(ends(harness_.pid_in("certain")));
  EXPECT_TRUE(alive(daemon));
  cancel(older);
  EXPECT_TRUE(ends(daemon));
}

TEST_F(LocalCancel, ATreeOf200IsKilled) {
  // Every process has two children, seven levels deep, and none listens.
  const auto request = launch(
      "trap '' TERM\n"
      "tree() { if [ $1 -gt 0 ]; then tree $(($1 - 1)) & tree $(($1 - 1)) & fi; wait; "
      "exec sleep 1000; }\ntree 7",
      100'000);
  EXPECT_TRUE(test::eventually([&] { return harness_.processes().size() > 200; }));
  cancel(request);
  EXPECT_TRUE(only_the_supervisor_is_left());
}

TEST_F(LocalCancel, NothingIsLeftWhenTheSupervisorEnds) {
  const auto result =
      harness_.run(harness_.script("a", std::string(kDaemon) + "daemon " + file("nameless") +
                                            "\nsetsid sleep 1000 &\necho $! > " + file("named") +
                                            "\nuntil [ -s " + file("nameless") + " ]; do :; done"));
  const pid_t supervisor = harness_.supervisor();
  harness_.backend().acknowledge(result.id);
  harness_.forget_backend();  // it has nothing to do any more, and is told to end
  EXPECT_TRUE(ends(supervisor));
  EXPECT_FALSE(alive(harness_.pid_in("nameless")));
  EXPECT_FALSE(alive(harness_.pid_in("named")));
}

TEST_F(LocalCancel, NothingIsLeftWhenTheSupervisorIsTerminated) {
  launch("trap 'exit 0' TERM\n" + std::string(kDaemon) + "daemon " + file("daemon") +
             "\nsleep 1000 &\necho $! > " + file("child") + "\nwait",
         kLongUs);
  const pid_t daemon = harness_.pid_in("daemon");
  const pid_t child = harness_.pid_in("child");
  const pid_t supervisor = harness_.supervisor();
  send_signal(supervisor, SIGTERM);
  EXPECT_TRUE(ends(supervisor));
  EXPECT_FALSE(alive(child));
  EXPECT_FALSE(alive(daemon));
}

}  // namespace
}  // namespace scanflow::backend
