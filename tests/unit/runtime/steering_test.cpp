// A real engine with real steps, and a sidecar of the test's own that speaks with its hub.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>

#include "engine/runtime/engine.hpp"
#include "engine/runtime/update_queue.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/uuid.hpp"
#include "tests/support/fake_sidecar.hpp"
#include "tests/support/program.hpp"
#include "tests/support/seconds.hpp"

namespace scanflow::runtime {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::FakeSidecar;
using testing::HasSubstr;

constexpr const char* kLong = "[{name: long, run: \"until [ -e $GATE ]; do sleep 0.02; done\"}]";

class SteeringTest : public testing::Test {
 protected:
  SteeringTest() {
    ::setenv("SCANFLOW_SIDECAR", "none", 1);  // the test is the sidecar
    std::filesystem::create_directories(state_.root);
    std::filesystem::create_directories(state_.sockets);
    ::chmod(state_.sockets.c_str(), 0700);
    // Not beside scanflow-sidecar: the sidecar is the test's.
    std::filesystem::copy_file(SCANFLOW_BINARY_DIR "/bin/scanflow-worker", worker_);
  }
  ~SteeringTest() override {
    open_gate();
    engine_.reset();
    // Supervisors wait for an engine that asks for their results.
    eventually([this] {
      const auto left = supervisors();
      for (const std::string& pid : left) ::kill(std::stoi(pid), SIGKILL);
      return left.empty();
    });
  }

  void start() {
    auto store = store::Store::open(state_.root, {});
    if (!store) throw std::runtime_error(store.error().message);
    EngineOptions options;
    options.state = state_;
    options.store = std::move(*store);
    options.worker = worker_;
    options.jobs = 4;
    engine_ = std::make_unique<Engine>(std::move(options));
  }
  /// As if it had been ended, and the next one had begun: it goes on with `run_`.
  void restart() {
    engine_.reset();
    start();
    updates_ = std::make_shared<UpdateQueue>();
    engine_->attach(run_, client(updates_));
    EXPECT_EQ(wait_for(*updates_, "accepted")["run"], run_);
  }

  /// Runs these steps, and waits until `step` does.
  void run(const std::string& steps, const std::string& step = "long",
           const std::string& backend = "local") {
    run_ = uuid_v7(wall_us() / 1000);
    Submission submission;
    submission.run = run_;
    submission.file = files_ / "p.yaml";
    submission.source =
        "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: p}\nsteps: " + steps + "\n";
    submission.options.backend = backend;
    submission.options.jobs = 4;
    submission.options.directory = files_.path().string();
    collect_files(submission);
    engine_->submit(std::move(submission), std::nullopt, client(updates_));
    for (;;) {
      const json update = wait_for(*updates_, step.empty() ? "finished" : "event");
      ASSERT_FALSE(update.is_null());
      if (step.empty()) break;
      const json& event = update.at("event");
      if (event["type"] == "attempt_started" && event["step"] == step) break;
    }
  }
  void open_gate() { files_.write("gate", ""); }

  Client client(const std::shared_ptr<UpdateQueue>& queue) const {
    Client client;
    client.listener = [queue](const Update& update) {
      queue->push(update);
      return true;
    };
    client.environment = own_environment();
    client.environment["GATE"] = files_ / "gate";
    return client;
  }
  static json wait_for(UpdateQueue& queue, const std::string& type) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (std::chrono::steady_clock::now() < deadline) {
      const auto update = queue.pop(20ms);
      if (!update) continue;
      if (update->at("type") == type) return *update;
      if (update->at("type") == "rejected") return *update;
    }
    return {};
  }

  PrimitiveRequest pause(bool wait = true) const {
    PrimitiveRequest request;
    request.run = run_;
    request.step = "long";
    request.primitive = "pause";
    request.arguments = R"({"for": "30s"})";
    request.by = "ann";
    request.wait = wait;
    return request;
  }
  std::shared_ptr<UpdateQueue> ask(const PrimitiveRequest& request) {
    auto queue = std::make_shared<UpdateQueue>();
    engine_->primitive(request, client(queue));
    return queue;
  }
  std::string refusal(const PrimitiveRequest& request) {
    const json answer = wait_for(*ask(request), "done");
    return answer.value("type", "") == "rejected" ? answer.value("message", "") : answer.dump();
  }
  protocol::Started started(const std::string& step = "long") const {
    protocol::Started started;
    started.id = {run_, step, 1};
    started.started_us = wall_us();
    started.memory_limit = 1u << 30;
    return started;
  }
  std::unique_ptr<FakeSidecar> sidecar(const std::string& boot = "boot-1") {
    return std::make_unique<FakeSidecar>("ipc://" + state_.hub_socket().string(), outbox_, boot);
  }
  std::vector<store::CommandRow> rows(const std::string& run = "") const {
    const auto store = store::Store::open_read_only(state_.root);
    if (!store) throw std::runtime_error(store.error().message);
    return (*store)->commands(run.empty() ? run_ : run).value();
  }
  bool has_hub() const { return std::filesystem::exists(state_.hub_socket()); }
  std::vector<std::string> supervisors() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const std::string pid = entry.path().filename();
      if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
      const std::string words = test::read(entry.path() / "cmdline");
      if (words.find("scanflow-worker") != std::string::npos &&
          words.find(files_.path().string()) != std::string::npos) {
        found.push_back(pid);
      }
    }
    return found;
  }

  test::TempDir files_;
  const std::filesystem::path worker_ = files_ / "scanflow-worker";
  StateDirectory state_{files_ / "state", files_ / "sockets"};
  std::unique_ptr<Engine> engine_;
  std::shared_ptr<UpdateQueue> updates_ = std::make_shared<UpdateQueue>();
  std::string run_;
  test::MemoryOutbox outbox_{"spool"};
};

TEST_F(SteeringTest, IsCommittedSentDoneCommittedAndTold) {
  start();
  run(kLong);
  const auto queue = ask(pause());
  // Whoever looks on hears of it before it is done: it is committed.
  const json told = wait_for(*updates_, "primitive");
  EXPECT_TRUE(told["outcome"].is_null()) << told;
  EXPECT_EQ(told["primitive"], "pause");
  EXPECT_EQ(rows().at(0).outcome, "");
  // The sidecar comes only now, and has not said what it can act on.
  const auto sidecar = this->sidecar();
  const json done = wait_for(*queue, "done");
  ASSERT_EQ(done.value("type", ""), "done") << done;
  EXPECT_EQ(done["command"]["outcome"], "DONE");
  EXPECT_EQ(done["command"]["by"], "ann");
  ASSERT_EQ(sidecar->commands().size(), 1u);
  const protocol::Command command = sidecar->commands()[0];
  EXPECT_EQ(command.target, (protocol::AttemptId{run_, "long", 1}));
  EXPECT_EQ(command.arguments, R"({"for":"30s"})");
  EXPECT_GT(command.deadline_us, 0);
  const auto stored = rows();
  ASSERT_EQ(stored.size(), 1u);
  EXPECT_EQ(stored[0].id, command.id);
  EXPECT_EQ(stored[0].outcome, "DONE");
  EXPECT_EQ(stored[0].message, "as the test says");
  EXPECT_TRUE(eventually([&] { return sidecar->delivered_all(); }));
  EXPECT_EQ(wait_for(*updates_, "primitive")["outcome"], "DONE");
  // Of two the later one is the newer one.
  wait_for(*ask(pause()), "done");
  EXPECT_GT(sidecar->commands().at(1).generation, command.generation);
}

TEST_F(SteeringTest, WhoDoesNotWaitIsToldThatItIsCommitted) {
  start();
  run(kLong);
  const json done = wait_for(*ask(pause(false)), "done");
  ASSERT_EQ(done.value("type", ""), "done") << done;
  EXPECT_TRUE(done["command"]["outcome"].is_null());
  ASSERT_EQ(rows().size(), 1u);
  EXPECT_EQ(rows()[0].id, done["command"]["id"]);
}

TEST_F(SteeringTest, WhatCannotBeIsRefusedAndNotRecorded) {
  start();
  run("[{name: long, run: \"until [ -e $GATE ]; do sleep 0.02; done\"}, "
      "{name: later, needs: [long], uses: noop}]");
  PrimitiveRequest request = pause();
  request.step = "lng";
  EXPECT_THAT(refusal(request), HasSubstr("has no step 'lng'; these run: long"));
  request.step = "later";
  EXPECT_THAT(refusal(request), HasSubstr("step later is pending; these run: long"));
  request = pause();
  request.primitive = "puase";
  EXPECT_THAT(refusal(request), HasSubstr("did you mean 'pause'?"));
  request = pause();
  request.arguments = R"({"for": "soon"})";
  EXPECT_THAT(refusal(request), HasSubstr("arguments/for"));
  request = pause();
  request.run = "0193f2c1-0000-7000-8000-000000000009";
  EXPECT_THAT(refusal(request), HasSubstr("no run 0193f2c1"));
  EXPECT_TRUE(rows().empty());
}

TEST_F(SteeringTest, StepsInTheEnginesOwnProcessHaveNoSidecar) {
  start();
  run("[{name: long, uses: noop, timeout: 1h}]", "", "inproc");
  EXPECT_THAT(refusal(pause()), HasSubstr("is over"));
  EXPECT_FALSE(has_hub());
}

/// As of a launcher that has no other way to the engine.
TEST_F(SteeringTest, ResultsAndMetricsComeThroughASidecarToo) {
  start();
  run(kLong);
  ASSERT_TRUE(eventually([this] { return has_hub(); }));
  const protocol::AttemptId id{run_, "long", 1};
  protocol::Ended ended;
  ended.result.id = id;
  ended.result.status = "failed";
  ended.result.cause = "exit";
  ended.result.message = "exited with status 3";
  outbox_.add(protocol::Metric{.id = id, .name = "loss", .value = 0.5, .time_us = 1, .number = 1});
  outbox_.add(protocol::Metric{.id = id, .name = "loss", .value = 0.5, .time_us = 1, .number = 1});
  outbox_.add(ended);
  const auto sidecar = this->sidecar();
  const json finished = wait_for(*updates_, "finished");
  EXPECT_EQ(finished["result"]["status"], "failed") << finished;
  EXPECT_TRUE(eventually([&] { return outbox_.first() == outbox_.end(); })) << "not taken";
  const auto store = store::Store::open_read_only(state_.root);
  ASSERT_TRUE(store);
  EXPECT_EQ((*store)->metrics(run_)->size(), 1U) << "told twice it is stored once";
}

TEST_F(SteeringTest, AStepThatRunsForASecondIsObserved) {
  start();
  run(kLong);
  ASSERT_TRUE(eventually([this] { return has_hub(); }));
  const auto sidecar = this->sidecar();
  sidecar->announce(started(), R"([{"name": "checkpoint"}])");
  const link::TelemetryRing::Labels labels{{"run", run_}, {"step", "long"}, {"attempt", "1"}};
  json shown;
  ASSERT_TRUE(eventually([&] {
    sidecar->sample("process_resident_memory_bytes", "gauge", labels, 5e6);
    const auto queue = std::make_shared<UpdateQueue>();
    engine_->top(client(queue));
    shown = wait_for(*queue, "done")["top"];
    return shown["attempts"].size() == 1 && shown["attempts"][0]["memory_bytes"] == 5e6;
  })) << shown;
  const json& attempt = shown["attempts"][0];
  EXPECT_EQ(attempt["run"], run_);
  EXPECT_EQ(attempt["observed"], true);
  EXPECT_EQ(attempt["offers"], json({"checkpoint"}));
  EXPECT_EQ(attempt["memory_limit_bytes"], 1u << 30);
  const auto queue = std::make_shared<UpdateQueue>();
  engine_->offers(run_, "long", client(queue));
  const json offers = wait_for(*queue, "done");
  EXPECT_EQ(offers["observed"], true);
  for (const json& each : offers["offers"]) {
    if (each["name"] == "checkpoint") {
      EXPECT_EQ(each["by"], "step");
    }
  }
}

TEST_F(SteeringTest, ShortStepsPayForNoHub) {
  start();
  const std::int64_t begun_us = monotonic_us();
  run("[{name: short, run: \"true\"}]", "");
  const bool has_hub = this->has_hub();
  if (monotonic_us() - begun_us >= kSecond) GTEST_SKIP() << "this machine takes a second for it";
  EXPECT_FALSE(has_hub);
}

TEST_F(SteeringTest, WithoutASidecarItExpires) {
  start();
  run(kLong);
  PrimitiveRequest request = pause();
  request.deadline_us = kSecond / 5;
  const json done = wait_for(*ask(request), "done");
  ASSERT_EQ(done.value("type", ""), "done") << done;
  EXPECT_EQ(done["command"]["outcome"], "EXPIRED");
  EXPECT_EQ(rows().at(0).outcome, "EXPIRED");
}

TEST_F(SteeringTest, AnEngineThatEndsBeforeItIsSentLeavesItToTheNext) {
  start();
  run(kLong);
  PrimitiveRequest request = pause();
  request.id = uuid_v7(wall_us() / 1000);
  const auto first = ask(request);
  wait_for(*updates_, "primitive");
  restart();
  EXPECT_EQ(wait_for(*first, "closing").value("type", ""), "closing");
  EXPECT_EQ(rows().at(0).outcome, "");
  const auto sidecar = this->sidecar();
  // Whoever has lost the first engine asks the next one the same.
  const json done = wait_for(*ask(request), "done");
  ASSERT_EQ(done.value("type", ""), "done") << done;
  EXPECT_EQ(done["command"]["outcome"], "DONE");
  EXPECT_EQ(done["command"]["id"], request.id);
  EXPECT_EQ(sidecar->commands().size(), 1u);
  // And once more, when it is over.
  EXPECT_EQ(wait_for(*ask(request), "done")["command"]["outcome"], "DONE");
  EXPECT_EQ(rows().size(), 1u);
}

TEST_F(SteeringTest, AnEngineThatEndsBeforeTheOutcomeLeavesItToTheNext) {
  start();
  run(kLong);
  const auto queue = ask(pause());
  wait_for(*updates_, "primitive");
  const auto sidecar = this->sidecar();
  sidecar->answer([](const protocol::Command&) { return std::nullopt; });
  ASSERT_TRUE(eventually([&] { return sidecar->commands().size() == 1; }));
  const protocol::Command command = sidecar->commands()[0];
  engine_.reset();
  sidecar->say(FakeSidecar::outcome(command, "FAILED"));
  start();
  EXPECT_TRUE(eventually([&] { return rows().at(0).outcome == "FAILED"; }));
  EXPECT_TRUE(eventually([&] { return sidecar->delivered_all(); }));
  EXPECT_EQ(sidecar->commands().size(), 1u) << "it is done once";
}

TEST_F(SteeringTest, ALaterHubHasAHigherTermAndLaterGenerations) {
  start();
  run(kLong);
  const auto sidecar = this->sidecar();
  wait_for(*ask(pause()), "done");
  const std::uint64_t first = sidecar->commands().at(0).generation;
  restart();
  wait_for(*ask(pause()), "done");
  ASSERT_EQ(sidecar->commands().size(), 2u);
  EXPECT_GT(sidecar->commands()[1].generation >> 32, first >> 32);
}

TEST_F(SteeringTest, AnOutcomeThatIsToldTwiceIsTakenOnce) {
  start();
  run(kLong);
  const auto sidecar = this->sidecar();
  const json done = wait_for(*ask(pause()), "done");
  ASSERT_EQ(done["command"]["outcome"], "DONE");
  protocol::Outcome again = FakeSidecar::outcome(sidecar->commands()[0], "FAILED");
  sidecar->say(again);
  again.id = "nobody's";
  sidecar->say(again);
  EXPECT_TRUE(eventually([&] { return sidecar->delivered_all(); }));
  ASSERT_EQ(rows().size(), 1u);
  EXPECT_EQ(rows()[0].outcome, "DONE");
}

TEST_F(SteeringTest, WhatRulesOfASidecarHaveDoneIsRecorded) {
  start();
  run(kLong);
  const auto sidecar = this->sidecar();
  protocol::Outcome acted;
  acted.id = "rule-boot-1-1";
  acted.target = {run_, "long", 1};
  acted.primitive = "checkpoint";
  acted.outcome = "DONE";
  acted.evidence = R"({"rule": "memory_used_ratio > 0.95"})";
  acted.started_us = acted.ended_us = wall_us();
  sidecar->say(acted);
  sidecar->say(acted);
  wait_for(*ask(pause()), "done");  // so that there is a hub
  ASSERT_TRUE(eventually([&] { return sidecar->delivered_all(); }));
  ASSERT_EQ(rows().size(), 2u);
  const auto stored = rows();
  const auto rule =
      std::find_if(stored.begin(), stored.end(), [](const auto& row) { return row.by == "rule"; });
  ASSERT_NE(rule, stored.end());
  EXPECT_EQ(rule->primitive, "checkpoint");
  EXPECT_THAT(rule->evidence, HasSubstr("memory_used_ratio > 0.95"));
}

// The step ends by it, and the run with the step, before the sidecar has said that it is done.
TEST_F(SteeringTest, TheLastOutcomeOfARunIsWaitedFor) {
  start();
  run(kLong);
  auto sidecar = this->sidecar();
  sidecar->announce(started());
  wait_for(*ask(pause()), "done");
  sidecar->answer([](const protocol::Command&) { return std::nullopt; });
  PrimitiveRequest request = pause();
  request.primitive = "drain";
  request.arguments = "{}";
  const auto queue = ask(request);
  ASSERT_TRUE(eventually([&] { return sidecar->commands().size() == 2; }));
  open_gate();
  ASSERT_EQ(wait_for(*updates_, "finished").value("type", ""), "finished");
  std::jthread ending([this] { engine_.reset(); });
  sidecar->say(FakeSidecar::outcome(sidecar->commands()[1], "DONE"));
  ending.join();
  EXPECT_EQ(wait_for(*queue, "done")["command"]["outcome"], "DONE");
  EXPECT_EQ(rows().at(1).outcome, "DONE");
}

TEST_F(SteeringTest, WhatNobodyCanTellAnyMoreIsEnded) {
  start();
  run(kLong);
  wait_for(*ask(pause(false)), "done");
  engine_.reset();
  // A long time passes: no hub is begun for it.
  {
    auto store = store::Store::open(state_.root, {});
    ASSERT_TRUE(store);
    auto row = (*store)->commands(run_).value().at(0);
    row.id = "of long ago";
    row.deadline_us -= kSecond * 2 * 3600;
    std::promise<void> done;
    (*store)->commit({.commands = {row}}, [&](const Result<void>&) { done.set_value(); });
    done.get_future().wait();
  }
  start();
  EXPECT_TRUE(eventually([&] {
    const auto stored = rows();
    return std::any_of(stored.begin(), stored.end(), [](const auto& row) {
      return row.id == "of long ago" && row.outcome == "INDETERMINATE";
    });
  }));
}

// The attempt has ended, and no sidecar comes: it may take the patience that a sidecar has.
TEST_F(SteeringTest, ACommandToAnAttemptThatIsOverEnds) {
  start();
  run(kLong);
  const auto queue = ask(pause());
  wait_for(*updates_, "primitive");
  open_gate();
  wait_for(*updates_, "finished");
  EXPECT_EQ(wait_for(*queue, "done")["command"]["outcome"], "EXPIRED");
  EXPECT_EQ(rows().at(0).outcome, "EXPIRED");
}

TEST_F(SteeringTest, StepsOfCalledRunsAreNamedByTheirPath) {
  files_.write("inner.yaml",
               std::string("apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: inner}\n"
                           "steps: ") +
                   kLong + "\n");
  start();
  run("[{name: outer, pipeline: inner.yaml}]", "outer/long");
  const auto sidecar = this->sidecar();
  PrimitiveRequest request = pause();
  request.step = "outer";
  EXPECT_THAT(refusal(request), HasSubstr("name a step of it, 'outer/...'"));
  request.step = "outer/long";
  const json done = wait_for(*ask(request), "done");
  ASSERT_EQ(done.value("type", ""), "done") << done;
  EXPECT_EQ(done["command"]["outcome"], "DONE");
  EXPECT_EQ(wait_for(*updates_, "primitive")["step"], "outer/long");
  EXPECT_NE(done["run"], run_);
  EXPECT_EQ(rows(done["run"]).at(0).step, "long");
}

}  // namespace
}  // namespace scanflow::runtime
