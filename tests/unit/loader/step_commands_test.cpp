// Commands across the boundary while a step runs, from threads of the host's.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "sdk/loader/builtin.hpp"
#include "sdk/loader/step_instance.hpp"

namespace scanflow::loader {
namespace {

class Host : public HostServices {
 public:
  void log(std::int32_t, std::string_view) override { running.store(true); }
  void metric(std::string_view, double, std::int64_t, const std::map<std::string, std::string>&,
              bool) override {}
  void progress(double, std::string_view) override {}
  Result<std::string> artifact(std::string_view, bool) override { return fail("none"); }
  Result<std::string> run_state() override { return fail("none"); }
  Result<std::string> register_model(std::string_view) override { return fail("none"); }
  std::atomic<bool> running = false;
};

class StepCommands : public testing::Test {
 protected:
  void SetUp() override {
    auto loaded = Library::load(TEST_PLUGINS "/test_steps.so");
    ASSERT_TRUE(loaded) << loaded.error().message;
    library = *loaded;
    ASSERT_TRUE(step.create(*library, "test.steered", "{}").ok());
  }
  void run() {
    outcome = std::async(std::launch::async, [this] { return step.run({}); });
  }
  json value(std::string_view name, std::string_view arguments = "{}") {
    const auto answer = step.execute(name, arguments);
    EXPECT_EQ(answer.outcome, "DONE") << answer.value;
    return json::parse(answer.value);
  }
  std::string failure(std::string_view name, std::string_view arguments = "{}") {
    const auto answer = step.execute(name, arguments);
    EXPECT_EQ(answer.outcome, "FAILED") << answer.value;
    return json::parse(answer.value).value("message", "");
  }

  std::shared_ptr<const Library> library;
  Host host;
  StepInstance step{host};
  std::future<StepOutcome> outcome;
};

TEST_F(StepCommands, AreListed) {
  EXPECT_EQ(command_names(step.commands()),
            (std::vector<std::string>{"pause", "resume", "stop_early", "set_param", "fail", "turns",
                                      "say"}));
  const auto& schema = (*find_command(step.commands(), "set_param"))["schema"];
  EXPECT_EQ(schema["properties"]["speed"]["exclusiveMinimum"], 0);
  EXPECT_EQ(schema["required"], json::array({"speed"}));
}

TEST_F(StepCommands, AreCarriedOutWhileItRuns) {
  run();
  EXPECT_EQ(value("set_param", R"({"speed": 2.5})"), json({{"speed", 2.5}, {"unit", "m/s"}}));
  EXPECT_GE(value("turns")["turns"], 0);
  EXPECT_EQ(value("stop_early"), json::object());
  const auto end = outcome.get();
  EXPECT_EQ(end.status, SCANFLOW_OK) << end.error;
  EXPECT_EQ(json::parse(end.outputs)["speed"], 2.5);
}

TEST_F(StepCommands, SayWhyTheyFailAndLeaveTheStepAlone) {
  run();
  EXPECT_EQ(failure("fail"), "the brake is stuck; oil it");
  EXPECT_NE(failure("set_param").find("speed"), std::string::npos);
  EXPECT_NE(failure("set_param", R"({"speed": -1})").find("arguments/speed"), std::string::npos);
  EXPECT_EQ(failure("set_param", "no JSON"), "the arguments: not JSON");
  EXPECT_NE(failure("say", R"({"size": 100000})").find("the host refused the answer"),
            std::string::npos);
  EXPECT_EQ(step.execute("explode", "{}").outcome, "UNSUPPORTED");
  value("stop_early");
  EXPECT_EQ(outcome.get().status, SCANFLOW_OK);
}

TEST_F(StepCommands, APausedStepTurnsNoMoreUntilItIsResumed) {
  run();
  EXPECT_EQ(value("pause"), json({{"paused", true}}));
  const auto turns = value("turns");
  EXPECT_EQ(value("set_param", R"({"speed": 3})")["speed"], 3);  // goes through all the same
  EXPECT_EQ(value("turns"), turns);
  EXPECT_EQ(value("resume"), json({{"paused", false}}));
  while (value("turns") == turns) std::this_thread::yield();
  value("stop_early");
  EXPECT_EQ(outcome.get().status, SCANFLOW_OK);
}

TEST_F(StepCommands, APausedStepCanBeCancelled) {
  run();
  value("pause");
  EXPECT_TRUE(step.cancel());
  EXPECT_EQ(outcome.get().status, SCANFLOW_CANCELLED);
  EXPECT_EQ(failure("resume"), "the step has ended");
}

TEST_F(StepCommands, NothingReachesAStepThatHasEnded) {
  step.cancel();
  EXPECT_EQ(step.run({}).status, SCANFLOW_CANCELLED);
  EXPECT_EQ(failure("turns"), "the step has ended");
}

TEST_F(StepCommands, NothingReachesAStepThatIsNotThere) {
  StepInstance other(host);
  EXPECT_EQ(json::parse(other.execute("turns", "{}").value)["message"],
            "the step is not running yet");
}

TEST_F(StepCommands, OneThatOffersNoneSaysSo) {
  StepInstance noop(host);
  ASSERT_TRUE(noop.create(**builtin_library(), "noop", "{}").ok());
  EXPECT_TRUE(noop.commands().empty());
  EXPECT_EQ(noop.execute("pause", "{}").outcome, "UNSUPPORTED");
}

// Threads that command without pause while the step ends under them: for the thread sanitizer, and
// for whoever breaks the order of run's end.
TEST_F(StepCommands, MayComeWhileItEnds) {
  for (int round = 0; round < 20; ++round) {
    auto one = std::make_unique<StepInstance>(host);
    ASSERT_TRUE(one->create(*library, "test.steered", "{}").ok());
    std::vector<std::thread> threads;
    for (const char* name : {"turns", "pause", "resume", "set_param"}) {
      threads.emplace_back([&one, name] {
        const char* arguments = std::string_view(name) == "set_param" ? R"({"speed": 1})" : "{}";
        for (;;) {
          const auto answer = one->execute(name, arguments);
          if (answer.outcome == "DONE") continue;
          EXPECT_EQ(answer.outcome, "FAILED");
          return;
        }
      });
    }
    std::thread stopper([&one] { one->execute("stop_early", "{}"); });
    EXPECT_EQ(one->run({}).status, SCANFLOW_OK);
    stopper.join();
    for (auto& thread : threads) thread.join();
    one.reset();
  }
}

}  // namespace
}  // namespace scanflow::loader
