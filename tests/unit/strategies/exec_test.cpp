// exec: real programs, good and bad ones.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "plugins/strategies/exec/exec_strategy.hpp"
#include "tests/unit/strategies/asker.hpp"

namespace scanflow::strategies {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

json shell(const std::string& script, const std::string& timeout = "900ms") {
  return {{"command", {"sh", "-c", script}}, {"timeout", timeout}};
}

std::string error_of_shell(const std::string& script, const std::string& timeout = "900ms") {
  Asker<ExecStrategy> asker(shell(script, timeout));
  EXPECT_THAT(asker.see(1, json::object()), IsEmpty());
  return asker.error;
}

TEST(Exec, TheExampleAsksForAReplicaWhereTheQueueGrewThreeTimes) {
  const json config = {
      {"command", {"python3", SCANFLOW_SOURCE_DIR "/plugins/strategies/exec/example.py"}}};
  Asker<ExecStrategy> asker(config);
  std::vector<std::size_t> asked;
  for (const int queue : {1, 2, 2, 3, 4, 5, 6}) {
    auto actions = asker.see(kSecondUs, {{"queue", queue}, {"replicas", 2}});
    // On a machine that is busy Python may take longer than that to begin: it is asked again, as agents do.
    for (int i = 0; i < 20 && asker.error.find("did not end within") < 200; ++i)
      actions = asker.see(kSecondUs, {{"queue", queue}, {"replicas", 2}});
    ASSERT_EQ(asker.error, "");
    asked.push_back(actions.size());
    if (actions.empty()) continue;
    EXPECT_EQ(actions[0].primitive, "scale");
    EXPECT_EQ(actions[0].target, json::object()) << "the rule's";
    EXPECT_EQ(actions[0].args, (json{{"replicas", 3}}));
  }
  EXPECT_THAT(asked, ::testing::ElementsAre(0, 0, 0, 0, 0, 1, 0));
}

TEST(Exec, GetsTheQuestionAndItsEnvironment) {
  Asker<ExecStrategy> asker(
      {{"command",
        {"sh", "-c",
         "printf '{\"actions\": [{\"primitive\": \"emit\", \"args\": {\"said\": %s, \"who\": "
         "\"%s\"}}]}' \"$(cat)\" \"$WHO\""}},
       {"env", {{"WHO", "a=b c"}}}});
  asker.state = "three";
  const auto actions = asker.ask(7, {{"value", 4}, {"see", {{"a", nullptr}}}});
  ASSERT_EQ(actions.size(), 1U) << asker.error;
  EXPECT_EQ(actions[0].args["said"], (json{{"now_us", 7},
                                           {"evidence", {{"value", 4}}},
                                           {"see", {{"a", nullptr}}},
                                           {"state", "three"}}));
  EXPECT_EQ(actions[0].args["who"], "a=b c");
  EXPECT_EQ(asker.state, "three") << "none was answered: it stays";
}

TEST(Exec, WhatFailsSaysWhichProgramAndWhatItSaid) {
  EXPECT_THAT(error_of_shell("echo no such queue >&2; exit 3"),
              AllOf(HasSubstr("'sh -c echo no such"), HasSubstr("ended with 3"),
                    HasSubstr("it said \"no such queue\""), HasSubstr("by hand")));
  EXPECT_THAT(error_of_shell("kill -9 $$"), HasSubstr("ended with 137"));
  EXPECT_THAT(
      error_of_shell("head -c 100000 /dev/zero | tr '\\0' x >&2; echo the end >&2; exit 1"),
      AllOf(HasSubstr("...\"xxx"), HasSubstr("the end"), ::testing::SizeIs(::testing::Lt(1500))));
  EXPECT_THAT(error_of_shell("printf '\\377\\376' >&2; exit 1"), HasSubstr("ended with 1"))
      << "what is no UTF-8 passes";
  const json none = {{"command", {"no-such-program-here"}}};
  Asker<ExecStrategy> absent(none);
  absent.see(1, json::object());
  EXPECT_THAT(absent.error, AllOf(HasSubstr("cannot run no-such-program-here: No such file"),
                                  HasSubstr("full path")));
}

TEST(Exec, WhatIsNoDecisionSaysWhatIsWrongWithIt) {
  const std::vector<std::pair<std::string, std::string>> answers = {
      {"hello", "no JSON object; it wrote \"hello\""},
      {"", "it wrote nothing"},
      {"[]", "no JSON object"},
      {"{}", "no \"actions\", a list"},
      {R"({"actions": [{}]})", "no \"primitive\""},
      {R"({"actions": [{"primitive": "scale", "args": 3}]})", "must be objects"},
      {R"({"actions": [], "state": {}})", "\"state\" is no text"},
  };
  for (const auto& [answer, wrong] : answers)
    EXPECT_THAT(error_of_shell("cat >/dev/null; printf '%s' '" + answer + "'"), HasSubstr(wrong));
  EXPECT_THAT(error_of_shell("echo '{\"actions\": [], \"state\": \"'$(head -c 70000 /dev/zero | tr "
                             "'\\0' x)'\"}'"),
              HasSubstr("64 KiB"));
  EXPECT_THAT(error_of_shell("exec cat /dev/zero"), HasSubstr("more than 1024 KiB"));
}

std::vector<pid_t> processes_with(const std::string& word) {
  std::vector<pid_t> found;
  for (const auto& each : std::filesystem::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(each.path().filename().c_str());
    if (pid <= 0) continue;
    std::ifstream file(each.path() / "cmdline");
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    if (text.find(word) != std::string::npos) found.push_back(pid);
  }
  return found;
}

/// A descendant that is killed is reaped by somebody else: in a moment.
bool soon_gone(const std::string& word) {
  for (int i = 0; i < 500 && !processes_with(word).empty(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return processes_with(word).empty();
}

TEST(Exec, OneThatHangsIsKilledWithAllThatItStarted) {
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_THAT(error_of_shell("echo waiting >&2; sleep 4000.71 & sleep 4000.72; echo", "200ms"),
              AllOf(HasSubstr("within 200 ms and was killed"), HasSubstr("\"waiting\""),
                    HasSubstr("'timeout'")));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(2));
  EXPECT_TRUE(soon_gone("4000.7"));
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "no zombie is left";
}

TEST(Exec, WhatItLeavesRunningIsKilledAndKeepsNobodyWaiting) {
  const auto begun = std::chrono::steady_clock::now();
  Asker<ExecStrategy> asker(shell("sleep 4000.81 & echo '{\"actions\": []}'"));
  EXPECT_THAT(asker.see(1, json::object()), IsEmpty());
  EXPECT_EQ(asker.error, "");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(800));
  EXPECT_TRUE(soon_gone("4000.81"));
}

TEST(Exec, InheritsNothing) {
  const int open = ::open("/dev/null", O_RDONLY);  // not closed on exec
  ASSERT_GE(::fcntl(open, F_DUPFD, 77), 77);
  sigset_t before, blocked;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const std::string listed = call_program({.argv = {"ls", "/proc/self/fd"}}).out;
  const std::string status = call_program({.argv = {"grep", "SigBlk", "/proc/self/status"}}).out;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::close(77);
  ::close(open);
  EXPECT_EQ(listed, "0\n1\n2\n3\n") << "3: the directory that ls reads";
  EXPECT_EQ(status, "SigBlk:\t0000000000000000\n");
}

TEST(Exec, WhatMakesNoSenseIsRefusedBeforeAnythingRuns) {
  for (const json& wrong : {json{{"command", json::array()}}, json{{"command", {""}}},
                            json{{"command", {"true"}}, {"timeout", "2m"}},
                            json{{"command", {"true"}}, {"timeout", "x"}},
                            json{{"command", {"true"}}, {"env", {{"A", 1}}}},
                            json{{"command", {"true"}}, {"env", {{"A=B", "1"}}}}})
    EXPECT_TRUE(refuses<ExecStrategy>(wrong)) << wrong;
}

}  // namespace
}  // namespace scanflow::strategies
