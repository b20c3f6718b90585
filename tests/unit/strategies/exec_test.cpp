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
#include "plugins/strategies/exec/protocol.hpp"
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

/// On a machine that is busy a program may take longer than that to begin: it is asked again, as agents do.
std::vector<Action> patiently(Asker<ExecStrategy>& asker, std::int64_t now_us,
                              const json& evidence) {
  std::vector<Action> actions = asker.ask(now_us, evidence);
  for (int i = 0; i < 50 && asker.error.find("within 900 ms") != std::string::npos; ++i)
    actions = asker.ask(now_us, evidence);
  return actions;
}

std::string error_of_shell(const std::string& script, const std::string& timeout = "900ms") {
  Asker<ExecStrategy> asker(shell(script, timeout));
  EXPECT_THAT(patiently(asker, 1, json::object()), IsEmpty());
  return asker.error;
}

/// With more time than agents give: on a machine that is busy Python may take seconds to begin.
TEST(Exec, TheExampleAsksForAReplicaWhereTheQueueGrewThreeTimes) {
  ProgramCall call;
  call.argv = {"python3", "-IS", SCANFLOW_SOURCE_DIR "/plugins/strategies/exec/example.py"};
  call.timeout = std::chrono::seconds(30);
  std::string state;
  std::vector<std::size_t> asked;
  for (const int queue : {1, 2, 2, 3, 4, 5, 6}) {
    call.input = question_of({.now_us = kSecondUs,
                              .evidence = {{"see", {{"queue", queue}, {"replicas", 2}}}},
                              .state = state});
    const ProgramAnswer answer = call_program(call);
    ASSERT_EQ(answer.status, 0) << answer.err;
    const Decision decision = decision_of(answer.out);
    state = decision.state.value();
    asked.push_back(decision.actions.size());
    if (decision.actions.empty()) continue;
    EXPECT_EQ(decision.actions[0].primitive, "scale");
    EXPECT_EQ(decision.actions[0].target, json::object()) << "the rule's";
    EXPECT_EQ(decision.actions[0].args, (json{{"replicas", 3}}));
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
  const auto actions = patiently(asker, 7, {{"value", 4}, {"see", {{"a", nullptr}}}});
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
  patiently(absent, 1, json::object());
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

/// How long something sleeps, which tells it from all others.
std::string long_time(int which) {
  return "4" + std::to_string(which) + "." + std::to_string(::getpid());
}

TEST(Exec, OneThatHangsIsKilledWithAllThatItStarted) {
  const auto begun = std::chrono::steady_clock::now();
  const std::string script = "echo waiting >&2; sleep " + long_time(1) + " & sleep " + long_time(2);
  EXPECT_THAT(error_of_shell(script + "; echo", "200ms"),
              AllOf(HasSubstr("within 200 ms and was killed"), HasSubstr("\"waiting\""),
                    HasSubstr("'timeout'")));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(20));
  EXPECT_TRUE(soon_gone(long_time(1)));
  EXPECT_TRUE(soon_gone(long_time(2)));
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "no zombie is left";
}

TEST(Exec, WhatItLeavesRunningIsKilledAndKeepsNobodyWaiting) {
  Asker<ExecStrategy> asker(shell("sleep " + long_time(3) + " & echo '{\"actions\": []}'"));
  EXPECT_THAT(patiently(asker, 1, json::object()), IsEmpty());
  EXPECT_EQ(asker.error, "") << "else it is late";
  EXPECT_TRUE(soon_gone(long_time(3)));
}

TEST(Exec, InheritsNothing) {
  const int open = ::open("/dev/null", O_RDONLY);  // not closed on exec
  ASSERT_GE(::fcntl(open, F_DUPFD, 77), 77);
  sigset_t before, blocked;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  constexpr std::chrono::seconds kPatient{30};
  const std::string listed =
      call_program({.argv = {"ls", "/proc/self/fd"}, .timeout = kPatient}).out;
  const std::string status =
      call_program({.argv = {"grep", "SigBlk", "/proc/self/status"}, .timeout = kPatient}).out;
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
