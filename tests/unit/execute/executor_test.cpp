// Primitives from the command to the outcome, with a clock moved by hand.
#include "sidecar/execute/executor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/seconds.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::execute {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const protocol::AttemptId kTrain{"r1", "train", 1};

class FakeHands : public Hands {
 public:
  Sent signal(const protocol::AttemptId&, int number) override {
    if (unsent) return tl::unexpected(*unsent);
    if (number != 0) signals.push_back(number);
    return {};
  }
  Sent signal_leader(const protocol::AttemptId&, int number) override {
    if (unsent) return tl::unexpected(*unsent);
    leader.push_back(number);
    return {};
  }
  Result<void> ask(const protocol::AttemptId&, std::uint64_t number, const std::string& name,
                   const std::string& arguments) override {
    call = number;
    asked.push_back(name + " " + arguments);
    return {};
  }
  json dump(const protocol::AttemptId&) override { return {{"memory", 42}}; }
  Result<void> bring(std::uint64_t number, const std::vector<Wanted>& files) override {
    if (!brings) return fail("nothing is brought here");
    call = number;
    for (const Wanted& each : files) wanted.push_back(each.sha256 + (each.directory ? "/" : ""));
    return {};
  }
  std::optional<File> look_at(const protocol::AttemptId&, const std::string&) override {
    return file;
  }

  std::optional<Unsent> unsent;
  std::vector<int> signals, leader;
  std::vector<std::string> asked, wanted;
  bool brings = true;
  std::uint64_t call = 0;
  std::optional<File> file;
};

class ExecutorTest : public testing::Test {
 protected:
  ExecutorTest() { start(); }

  /// A sidecar that was killed, and its successor.
  void start() {
    executor.reset();
    journal.reset();
    auto opened = Journal::open(directory.path() / "journal", now.wall_us);
    ASSERT_TRUE(opened) << opened.error().message;
    journal = std::move(*opened);
    Executor::Events events;
    events.ended = [this](const protocol::Outcome& outcome) { outcomes.push_back(outcome); };
    events.say = [this](const std::string& text) { said.push_back(text); };
    executor = std::make_unique<Executor>(*journal, hands, events, now);
    executor->watched(true, now);
  }
  void add(std::vector<std::string> offers = {}, Steering steering = {}) {
    executor->add(kTrain, std::move(steering), now);
    executor->offers(kTrain, std::move(offers));
  }
  protocol::Command made(const std::string& primitive, const json& arguments = json::object(),
                         std::int64_t deadline_us = 30 * kSecond) {
    protocol::Command command;
    command.generation = ++generation;
    command.id = "c" + std::to_string(command.generation);
    command.target = kTrain;
    command.primitive = primitive;
    command.arguments = arguments.dump();
    command.deadline_us = deadline_us;
    return command;
  }
  void tell(const std::string& primitive, const json& arguments = json::object()) {
    ASSERT_TRUE(executor->command(made(primitive, arguments), now));
  }
  void answer(const std::string& outcome, const json& value = json::object()) {
    executor->answered(hands.call, outcome, value.dump(), now);
  }
  void pass(std::int64_t us) {
    now.mono_us += us;
    now.wall_us += us;
    executor->tick(now);
  }
  std::string last() const {
    if (outcomes.empty()) return "none";
    const auto& outcome = outcomes.back();
    return outcome.outcome + (outcome.message.empty() ? "" : ": " + outcome.message);
  }

  test::TempDir directory;
  Now now{1'000 * kSecond, 1'800'000'000 * kSecond};
  FakeHands hands;
  std::vector<protocol::Outcome> outcomes;
  std::vector<std::string> said;
  std::unique_ptr<Journal> journal;
  std::unique_ptr<Executor> executor;
  std::uint64_t generation = 0;
};

TEST_F(ExecutorTest, PausesByItsOwnCommandWhereItOffersOne) {
  add({"pause", "resume"});
  tell("pause");
  EXPECT_THAT(hands.asked, ElementsAre("pause {}"));
  EXPECT_THAT(outcomes, IsEmpty());
  answer("DONE");
  EXPECT_EQ(last(), "DONE");
  EXPECT_TRUE(executor->hold(kTrain)->paused());
  EXPECT_THAT(hands.signals, IsEmpty());
  tell("resume");
  answer("DONE");
  EXPECT_EQ(last(), "DONE");
  EXPECT_FALSE(executor->hold(kTrain)->paused());
}

TEST_F(ExecutorTest, AnswersOfTheWrongTypeHarmNobody) {
  add({"pause", "resume", "checkpoint", "reload_model"});
  for (const char* primitive : {"pause", "checkpoint", "reload_model"}) {
    tell(primitive,
         primitive == std::string("reload_model") ? json{{"sha256", "ab"}} : json::object());
    answer("DONE", {{"message", 5}, {"path", json::array()}, {"sha256", {{"a", 1}}}});
    EXPECT_THAT(last(),
                testing::StartsWith(primitive == std::string("reload_model") ? "FAILED" : "DONE"));
  }
  tell("resume");
  answer("FAILED", {{"message", nullptr}});
  EXPECT_EQ(last(), "FAILED: it did not say why");
}

TEST_F(ExecutorTest, PausesBySignalsElse) {
  add();
  tell("pause");
  EXPECT_THAT(hands.signals, ElementsAre(SIGSTOP));
  EXPECT_EQ(last(), "DONE");
  tell("resume");
  EXPECT_THAT(hands.signals, ElementsAre(SIGSTOP, SIGCONT));
  EXPECT_EQ(last(), "DONE");
}

TEST_F(ExecutorTest, APauseEndsByItselfAfterItsTime) {
  add();
  tell("pause", {{"for", "30s"}});
  pass(29 * kSecond);
  EXPECT_THAT(hands.signals, ElementsAre(SIGSTOP));
  EXPECT_EQ(executor->wake_us(now), now.mono_us + kSecond);
  pass(kSecond);
  EXPECT_THAT(hands.signals, ElementsAre(SIGSTOP, SIGCONT));
  EXPECT_THAT(said, ElementsAre(HasSubstr("its time is over")));
}

TEST_F(ExecutorTest, APauseIsRenewedByAnother) {
  add();
  tell("pause", {{"for", "10s"}});
  pass(8 * kSecond);
  tell("pause", {{"for", "10s"}});
  EXPECT_THAT(last(), HasSubstr("DONE: it was paused already"));
  pass(8 * kSecond);
  EXPECT_THAT(hands.signals, ElementsAre(SIGSTOP));
  pass(2 * kSecond);
  EXPECT_THAT(hands.signals, ElementsAre(SIGSTOP, SIGCONT));
}

TEST_F(ExecutorTest, WhatHoldsItBackEndsWhereNoEngineWatches) {
  add({"pause", "resume"});
  tell("pause");
  answer("DONE");
  tell("throttle", {{"share", 0.5}});
  executor->watched(false, now);
  EXPECT_EQ(hands.asked.back(), "resume {}");
  EXPECT_FALSE(executor->hold(kTrain)->paused());
  EXPECT_FALSE(executor->hold(kTrain)->throttled());
}

TEST_F(ExecutorTest, ARulesPauseHoldsWhileTheEngineIsAwayButNotForEver) {
  add();
  executor->watched(false, now);
  executor->act(kTrain, "pause", {{"rule", "memory_used_ratio > 0.9 -> pause"}}, now);
  EXPECT_EQ(last(), "DONE");
  EXPECT_THAT(outcomes.back().id, testing::StartsWith("rule-"));
  EXPECT_THAT(outcomes.back().evidence, HasSubstr("memory_used_ratio > 0.9"));
  pass(59 * kSecond);
  EXPECT_THAT(hands.signals, ElementsAre(SIGSTOP));
  pass(kSecond);
  EXPECT_THAT(hands.signals, ElementsAre(SIGSTOP, SIGCONT));
}

TEST_F(ExecutorTest, ThrottlesByStoppingAndContinuing) {
  add();
  tell("throttle", {{"share", 0.3}, {"for", "1s"}});
  EXPECT_EQ(last(), "DONE");
  std::int64_t ran_us = 0;
  const std::int64_t begin_us = now.mono_us;
  while (now.mono_us < begin_us + kSecond) {
    const std::int64_t wake_us = executor->wake_us(now);
    const bool stopped = !hands.signals.empty() && hands.signals.back() == SIGSTOP;
    if (!stopped) ran_us += wake_us - now.mono_us;
    pass(wake_us - now.mono_us);
  }
  EXPECT_NEAR(static_cast<double>(ran_us), 0.3 * kSecond, 0.02 * kSecond);
  EXPECT_EQ(hands.signals.back(), SIGCONT);
  EXPECT_FALSE(executor->hold(kTrain)->throttled());
}

TEST_F(ExecutorTest, WhatItDoesNotOfferIsUnsupportedWithWhatItDoes) {
  add({"pause", "resume"});
  tell("stop_early");
  EXPECT_EQ(last(), "UNSUPPORTED: train does not offer stop_early; it offers pause, resume");
  tell("checkpoint");
  EXPECT_THAT(last(), HasSubstr("UNSUPPORTED: train offers no checkpoint"));
  tell("exec_hook", {{"name", "warm"}});
  EXPECT_THAT(last(), HasSubstr("UNSUPPORTED: the pipeline declares no hook 'warm'"));
  tell("fly");
  EXPECT_THAT(last(), HasSubstr("UNSUPPORTED: this sidecar has no primitive 'fly'"));
}

TEST_F(ExecutorTest, ACheckpointIsDoneWhenItsFileIsThere) {
  add({"checkpoint"});
  tell("checkpoint");
  answer("DONE", {{"path", "/data/model.ckpt"}, {"sha256", "ab"}});
  EXPECT_THAT(last(), HasSubstr("FAILED: it said that it wrote /data/model.ckpt"));
  tell("checkpoint");
  hands.file = Hands::File{10, now.wall_us};
  answer("DONE", {{"path", "/data/model.ckpt"}, {"sha256", "ab"}});
  EXPECT_EQ(last(), "DONE");
  EXPECT_THAT(outcomes.back().evidence, HasSubstr("\"sha256\":\"ab\""));
}

TEST_F(ExecutorTest, ACheckpointBySignalWaitsForAFileThatGrowsNoMore) {
  Steering steering;
  steering.checkpoint_signal = SIGUSR1;
  steering.checkpoint_file = "/data/state";
  hands.file = Hands::File{10, now.wall_us - kSecond};  // an old one
  add({}, steering);
  tell("checkpoint");
  EXPECT_THAT(hands.leader, ElementsAre(SIGUSR1));
  EXPECT_THAT(hands.signals, IsEmpty()) << "its children may die of it";
  pass(kSecond / 10);
  EXPECT_THAT(outcomes, IsEmpty());
  hands.file = Hands::File{20, now.wall_us};
  pass(kSecond / 10);
  hands.file = Hands::File{30, now.wall_us};
  pass(kSecond / 10);
  pass(0);
  EXPECT_THAT(outcomes, IsEmpty()) << "two looks at the same moment say nothing";
  EXPECT_EQ(executor->wake_us(now), now.mono_us + kSecond / 10);
  pass(kSecond / 10);
  EXPECT_EQ(last(), "DONE");
}

TEST_F(ExecutorTest, ACheckpointByAProgramRunsWhatThePipelineDeclares) {
  Steering steering;
  steering.checkpoint_program = {"/opt/save", "--now"};
  add({}, steering);
  tell("checkpoint");
  EXPECT_THAT(hands.asked, ElementsAre(R"($run {"argv":["/opt/save","--now"]})"));
  answer("DONE", {{"exit_code", 0}});
  EXPECT_THAT(last(), HasSubstr("DONE"));
}

TEST_F(ExecutorTest, ANewModelIsDoneWhenItsDigestIsConfirmed) {
  add({"reload_model"});
  tell("reload_model", {{"path", "/m"}, {"sha256", std::string(64, 'a')}});
  answer("DONE", {{"sha256", std::string(64, 'b')}});
  EXPECT_THAT(last(), HasSubstr("FAILED: it has loaded"));
  tell("reload_model", {{"path", "/m"}, {"sha256", std::string(64, 'a')}});
  answer("DONE", {{"sha256", std::string(64, 'a')}});
  EXPECT_EQ(last(), "DONE");
}

TEST_F(ExecutorTest, VersionsOfTheStoreAreBroughtBeforeTheServiceIsAsked) {
  add({"set_traffic"});
  const std::string a(64, 'a'), b(64, 'b');
  const json versions = {{{"version", "1"}, {"weight", 1}, {"sha256", a}},
                         {{"version", "2"}, {"sha256", b}, {"directory", true}},
                         {{"version", "3"}, {"model", "/there"}}};
  tell("set_traffic", {{"node", "cnn"}, {"versions", versions}});
  EXPECT_THAT(hands.wanted, ElementsAre(a, b + "/"));
  EXPECT_THAT(hands.asked, IsEmpty());
  executor->brought(hands.call, std::map<std::string, std::string>{{a, "/m/a"}, {b, "/m/b"}}, now);
  EXPECT_THAT(hands.asked, ElementsAre(R"(set_traffic {"node":"cnn","versions":[)"
                                       R"({"model":"/m/a","sha256":")" +
                                       a +
                                       R"(","version":"1","weight":1},)"
                                       R"({"directory":true,"model":"/m/b","sha256":")" +
                                       b +
                                       R"(","version":"2"},)"
                                       R"({"model":"/there","version":"3"}]})"));
  answer("DONE");
  EXPECT_EQ(last(), "DONE");
}

TEST_F(ExecutorTest, WhatCannotBeBroughtIsNotAskedFor) {
  const json arguments = {{"node", "cnn"},
                          {"versions", {{{"version", "1"}, {"sha256", std::string(64, 'a')}}}}};
  add({"pause"});
  tell("set_traffic", arguments);
  EXPECT_THAT(last(), HasSubstr("UNSUPPORTED"));
  EXPECT_THAT(hands.wanted, IsEmpty());
  add({"set_traffic"});
  tell("set_traffic", arguments);
  executor->brought(hands.call, fail("it is not there"), now);
  EXPECT_EQ(last(), "FAILED: it is not there");
  tell("set_traffic", arguments);  // it takes longer than the command may
  const std::uint64_t late = hands.call;
  pass(30 * kSecond);
  EXPECT_THAT(last(), HasSubstr("FAILED: its files did not come within 30"));
  executor->brought(late, std::map<std::string, std::string>{}, now);
  tell("set_traffic", arguments);  // a later one takes its place
  const std::uint64_t first = hands.call;
  tell("set_traffic", arguments);
  EXPECT_THAT(last(), HasSubstr("SUPERSEDED"));
  executor->brought(first, std::map<std::string, std::string>{{std::string(64, 'a'), "/m"}}, now);
  EXPECT_THAT(hands.asked, IsEmpty());
  hands.brings = false;
  tell("set_traffic", arguments);
  EXPECT_EQ(last(), "FAILED: nothing is brought here");
}

TEST_F(ExecutorTest, TerminateKillsAfterItsGraceAndIsDoneWhenItHasEnded) {
  add();
  tell("pause");
  tell("terminate", {{"grace", "2s"}});
  EXPECT_THAT(hands.signals, ElementsAre(SIGSTOP, SIGTERM, SIGCONT));
  pass(2 * kSecond);
  EXPECT_EQ(hands.signals.back(), SIGKILL);
  EXPECT_EQ(outcomes.size(), 1U);
  executor->remove(kTrain, "SIGKILL", now);
  EXPECT_EQ(last(), "DONE: it has ended: SIGKILL");
}

TEST_F(ExecutorTest, AFileThatLooksOlderThanTheCommandIsNewAllTheSame) {
  Steering steering;
  steering.checkpoint_signal = SIGUSR1;
  steering.checkpoint_file = "/data/state";
  add({}, steering);
  tell("checkpoint");
  hands.file = Hands::File{10, now.wall_us - 4'000};  // the kernel's clock for files is coarse
  pass(kSecond / 10);
  pass(kSecond / 10);
  EXPECT_EQ(last(), "DONE");
}

TEST_F(ExecutorTest, WhatAnEndedAttemptLeavesIsNotLeftStopped) {
  add();
  tell("pause");
  executor->remove(kTrain, "its launcher is gone", now);
  EXPECT_THAT(hands.signals, ElementsAre(SIGSTOP, SIGCONT));
}

TEST_F(ExecutorTest, ToldTwiceItIsDoneOnce) {
  add({"set_param"});
  const protocol::Command command = made("set_param", {{"name", "lr"}, {"value", 1}});
  ASSERT_TRUE(executor->command(command, now));
  ASSERT_TRUE(executor->command(command, now));
  answer("DONE");
  ASSERT_TRUE(executor->command(command, now));
  start();
  ASSERT_TRUE(executor->command(command, now));
  EXPECT_EQ(hands.asked.size(), 1U);
  EXPECT_EQ(outcomes.size(), 1U);
}

TEST_F(ExecutorTest, OfTwoThatExcludeEachOtherTheLaterHolds) {
  add();
  const protocol::Command pause = made("pause");
  tell("resume");
  ASSERT_TRUE(executor->command(pause, now));
  EXPECT_THAT(last(), HasSubstr("SUPERSEDED"));
  EXPECT_THAT(hands.signals, IsEmpty());
}

TEST_F(ExecutorTest, ALaterOneTakesThePlaceOfOneUnderWay) {
  add({"pause", "resume"});
  tell("pause");
  const std::uint64_t first = hands.call;
  tell("resume");
  EXPECT_THAT(last(), HasSubstr("SUPERSEDED: a later resume"));
  executor->answered(first, "DONE", "{}", now);
  EXPECT_FALSE(executor->hold(kTrain)->paused());
  answer("DONE");
  EXPECT_EQ(last(), "DONE");
  EXPECT_EQ(outcomes.size(), 2U);
}

TEST_F(ExecutorTest, WaitsForAnAttemptThatIsAboutToBeAnnounced) {
  tell("pause");
  pass(kSecond);
  add();
  EXPECT_EQ(last(), "DONE");
  EXPECT_THAT(hands.signals, ElementsAre(SIGSTOP));
}

TEST_F(ExecutorTest, SaysThatThereIsNoSuchAttempt) {
  tell("pause");
  pass(5 * kSecond);
  EXPECT_EQ(last(), "FAILED: there is no train (attempt 1) here; it may have ended");
}

TEST_F(ExecutorTest, WhatCameTooLateIsNotBegun) {
  add();
  ASSERT_TRUE(executor->command(made("pause", json::object(), 0), now));
  EXPECT_THAT(last(), HasSubstr("EXPIRED"));
  EXPECT_THAT(hands.signals, IsEmpty());
}

TEST_F(ExecutorTest, AStepThatDoesNotAnswerIsIndeterminate) {
  add({"checkpoint"});
  tell("checkpoint");
  pass(30 * kSecond);
  EXPECT_EQ(last(), "INDETERMINATE: it has not answered within 30.0 s; it may do it still");
  answer("DONE");
  EXPECT_EQ(outcomes.size(), 1U);
}

TEST_F(ExecutorTest, AnAttemptThatEndsFailsWhatItWasAsked) {
  add({"checkpoint"});
  tell("checkpoint");
  executor->remove(kTrain, "exit code 1", now);
  EXPECT_EQ(last(), "FAILED: the attempt ended before it was done");
}

TEST_F(ExecutorTest, ASuccessorSaysIndeterminateOfWhatWasBegun) {
  add({"checkpoint"});
  tell("checkpoint");
  start();
  EXPECT_THAT(last(), HasSubstr("INDETERMINATE"));
  EXPECT_EQ(outcomes.back().id, "c1");
  start();
  EXPECT_EQ(outcomes.size(), 1U);
}

TEST_F(ExecutorTest, ASuccessorDoesWhatWasNotBegun) {
  tell("pause");
  start();
  add();
  EXPECT_EQ(last(), "DONE");
  EXPECT_THAT(hands.signals, ElementsAre(SIGSTOP));
}

TEST_F(ExecutorTest, ASuccessorLetsGoWhatWasHeld) {
  add();
  tell("pause");
  start();
  add({"resume"});
  EXPECT_THAT(hands.signals, ElementsAre(SIGSTOP, SIGCONT));
  EXPECT_THAT(hands.asked, ElementsAre("resume {}"));
  start();
  add();
  EXPECT_THAT(hands.signals, ElementsAre(SIGSTOP, SIGCONT));
}

TEST_F(ExecutorTest, ALivenessProbeLimitsAPauseBySignals) {
  Steering steering;
  steering.liveness_us = 30 * kSecond;
  add({}, steering);
  tell("pause");
  EXPECT_THAT(last(), HasSubstr("FAILED: its liveness probe would end it after 30.0 s"));
  tell("pause", {{"for", "20s"}});
  EXPECT_EQ(last(), "DONE");
}

TEST_F(ExecutorTest, AStoppedStepIsNotAskedWhatItCannotAnswer) {
  add({"checkpoint"});
  tell("pause");
  tell("checkpoint");
  EXPECT_EQ(last(), "FAILED: it is paused and could not answer: resume it first");
}

TEST_F(ExecutorTest, SaysWhyItsProcessesGetNoSignals) {
  Steering steering;
  steering.checkpoint_signal = SIGUSR1;
  executor->add(kTrain, steering, now);
  for (const char* primitive : {"pause", "throttle", "checkpoint", "drain", "terminate"}) {
    hands.unsent = Hands::Unsent{false, "gone"};
    tell(primitive, {{"share", 0.5}});
    EXPECT_EQ(last(), "FAILED: gone") << primitive;
    hands.unsent = Hands::Unsent{true, "another user's"};
    tell(primitive, {{"share", 0.5}});
    EXPECT_EQ(last(), "UNSUPPORTED: another user's") << primitive;
  }
  EXPECT_FALSE(executor->hold(kTrain)->paused());
  EXPECT_FALSE(executor->hold(kTrain)->throttled());
  EXPECT_THAT(hands.asked, IsEmpty()) << "nobody is told that it ends";
}

TEST_F(ExecutorTest, DumpTellsHowItIs) {
  add();
  tell("dump");
  EXPECT_EQ(outcomes.back().evidence, R"({"memory":42})");
}

TEST_F(ExecutorTest, BadArgumentsFailWithTheReason) {
  add();
  tell("pause", {{"for", "soon"}});
  EXPECT_THAT(last(), HasSubstr("FAILED: for: "));
  tell("terminate", {{"grace", "soon"}});
  EXPECT_THAT(last(), HasSubstr("FAILED: grace: "));
  EXPECT_THAT(hands.signals, IsEmpty());
}

}  // namespace
}  // namespace scanflow::execute
