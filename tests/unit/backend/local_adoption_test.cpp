// The engine goes and comes back; the supervisor dies.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <atomic>
#include <future>

#include "tests/unit/backend/harness.hpp"

namespace scanflow::backend {
namespace {

std::string wait_for(const std::string& file) {
  return "until [ -e " + file + " ]; do sleep 0.01; done; ";
}

TEST(LocalAdoption, ANewEngineFindsWhatRunsAndWhatEnded) {
  Harness harness;
  const auto gate = (harness.files() / "gate").string();
  const auto done = harness.script("done", "echo answer=42 >> $SCANFLOW_OUTPUT");
  const auto running = harness.script("running", wait_for(gate) + "echo here");
  harness.launch(running);
  const pid_t pid = harness.started(running.id);
  harness.run(done);
  harness.forget_backend();
  EXPECT_TRUE(alive(pid));

  harness.make_backend();
  harness.launch(running);
  harness.launch(done);
  EXPECT_TRUE(test::eventually([&] { return harness.ends(done.id) == 2; }));
  EXPECT_EQ(harness.result(done.id).outputs, R"({"answer":42})");
  EXPECT_EQ(harness.started(running.id), pid);
  harness.files().write("gate", "");
  EXPECT_EQ(harness.log(harness.result(running.id)), "here\n");
}

TEST(LocalAdoption, WhatStillRunsOfEarlierEnginesIsTold) {
  using Ids = std::vector<protocol::AttemptId>;
  Harness harness;
  harness.backend().survey();
  EXPECT_TRUE(test::eventually([&] { return harness.strays() == Ids{}; })) << "nobody is there";
  const auto gate = (harness.files() / "gate").string();
  const auto left = harness.script("left", wait_for(gate) + "true");
  const auto taken = harness.script("taken", wait_for(gate) + "true");
  harness.launch(left);
  harness.launch(taken);
  harness.started(left.id);
  harness.started(taken.id);
  harness.forget_backend();

  harness.make_backend();
  harness.backend().survey();
  EXPECT_TRUE(test::eventually([&] { return harness.strays() == Ids({left.id, taken.id}); }));
  harness.launch(taken);
  harness.files().write("gate", "");
  EXPECT_EQ(harness.result(taken.id).status, "succeeded");
  EXPECT_TRUE(test::eventually([&] { return harness.strays() == Ids{}; }));
  EXPECT_EQ(harness.ends(left.id), 0) << "its result is for the engine that asks for it";
  harness.launch(left);
  EXPECT_EQ(harness.result(left.id).status, "succeeded");
}

TEST(LocalAdoption, WhatEndedWhileNoEngineWasThereIsKept) {
  Harness harness;
  const auto gate = (harness.files() / "gate").string();
  const auto request = harness.script(
      "a", wait_for(gate) + "echo 'loss 1' >> $SCANFLOW_METRICS; echo a=1 >> $SCANFLOW_OUTPUT");
  harness.launch(request);
  const pid_t pid = harness.started(request.id);
  harness.forget_backend();
  harness.files().write("gate", "");
  EXPECT_TRUE(test::eventually([&] { return !alive(pid); }));
  harness.make_backend();
  // An engine that comes for another attempt does not get this one's metrics: they would be lost.
  EXPECT_EQ(harness.run(harness.script("other", "true")).status, "succeeded");
  EXPECT_EQ(harness.metrics(request.id).size(), 0u);
  harness.launch(request);
  EXPECT_EQ(harness.result(request.id).outputs, R"({"a":1})");
  EXPECT_EQ(harness.metrics(request.id).size(), 1u);

  // The next engine is told again until one has said that it stored the result.
  harness.forget_backend();
  harness.make_backend();
  harness.launch(request);
  EXPECT_TRUE(test::eventually([&] { return harness.ends(request.id) == 2; }));
  const auto metrics = harness.metrics(request.id);
  ASSERT_EQ(metrics.size(), 2u);
  EXPECT_EQ(metrics[0].number, metrics[1].number);

  // Acknowledged, it is forgotten, and the supervisor ends with its engine.
  harness.backend().acknowledge(request.id);
  harness.backend().forget({{"run-1", "other", 1}});  // an earlier engine had its result
  const pid_t supervisor = harness.supervisor();
  harness.forget_backend();
  EXPECT_TRUE(test::eventually([&] { return !alive(supervisor); }));
}

TEST(LocalAdoption, AnEngineIsToldWhatNobodyHasAcknowledged) {
  Harness harness;
  const auto gate = (harness.files() / "gate").string();
  const auto left = harness.script("left", "true");
  const auto running = harness.script("running", wait_for(gate));
  harness.run(left);
  harness.launch(running);
  harness.started(running.id);
  harness.forget_backend();
  EXPECT_FALSE(harness.kept(left.id)) << "it was this engine's own";

  harness.make_backend();
  harness.launch(running);
  harness.files().write("gate", "");
  harness.result(running.id);
  EXPECT_TRUE(harness.kept(left.id));
  EXPECT_FALSE(harness.kept(running.id)) << "it was asked for";
  harness.backend().acknowledge(running.id);
  harness.backend().forget({left.id});
  const pid_t supervisor = harness.supervisor();
  harness.forget_backend();
  EXPECT_TRUE(test::eventually([&] { return !alive(supervisor); }));
}

/// An engine that asked it to end may be followed by one that has work for it.
TEST(LocalAdoption, ASupervisorThatWasToEndServesTheNextEngine) {
  Harness harness;
  const auto left = harness.script("left", "true");
  harness.run(left);
  const pid_t supervisor = harness.supervisor();
  harness.forget_backend();  // nothing is in flight: it may end when its last result is taken
  harness.make_backend();
  harness.backend().forget({left.id});
  const auto next = harness.script("next", "true");
  EXPECT_EQ(harness.run(next).status, "succeeded");
  EXPECT_EQ(harness.supervisor(), supervisor);
}

/// Its engine was killed before it was ready, and the next one has started another, which cannot have
/// the work directory.
TEST(LocalAdoption, ASupervisorThatComesUpMeanwhileIsUsed) {
  Harness harness;
  const auto sockets = harness.files() / "sockets";
  test::Program first({std::string(SCANFLOW_BINARY_DIR) + "/bin/scanflow-worker", "supervise",
                       "--socket", (sockets / "early.sock").string(), "--work",
                       (harness.files() / "early").string(), "--log",
                       (harness.files() / "early.log").string()});
  ASSERT_TRUE(test::eventually([&] { return std::filesystem::exists(sockets / "early.sock"); }));
  std::filesystem::create_directories(harness.state() / "work");
  const int lock =
      ::open((harness.state() / "work/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_EQ(::flock(lock, LOCK_EX), 0);
  const auto request = harness.script("a", "true");
  harness.launch(request);
  ASSERT_TRUE(test::eventually([&] { return harness.processes().size() == 2; }));
  std::filesystem::rename(sockets / "early.sock", sockets / "supervisor.sock");
  EXPECT_EQ(harness.result(request.id).status, "succeeded");
  ::close(lock);
}

TEST(LocalAdoption, LaunchingWhatIsThereAdoptsIt) {
  Harness harness;
  const auto gate = (harness.files() / "gate").string();
  const auto running = harness.script("running", "echo once; " + wait_for(gate));
  const auto done = harness.script("done", "echo once");
  harness.launch(running);
  harness.started(running.id);
  harness.run(done);
  harness.forget_backend();
  harness.make_backend();
  harness.launch(running);
  harness.launch(done);
  EXPECT_TRUE(test::eventually([&] { return harness.ends(done.id) == 2; }));
  harness.files().write("gate", "");
  EXPECT_EQ(harness.log(harness.result(running.id)), "once\n");
  EXPECT_EQ(harness.ends(running.id), 1);
}

TEST(LocalAdoption, AStepsQuestionWaitsForTheNextEngine) {
  Harness harness;
  const auto request = harness.plugin("a", "test.work");
  std::atomic<bool> asked = false;
  harness.on_call = [&](Backend&, const protocol::HostCall&) { asked = true; };
  harness.launch(request);
  EXPECT_TRUE(test::eventually([&] { return asked.load(); }));
  harness.forget_backend();
  harness.on_call = [](Backend& backend, const protocol::HostCall& call) {
    backend.reply({call.id, call.call, true, R"({"version":1})"});
  };
  harness.make_backend();
  harness.launch(request);
  EXPECT_EQ(harness.result(request.id).status, "succeeded");
}

TEST(LocalAdoption, ASupervisorsDeathLosesItsAttemptsAndANewOneFollows) {
  Harness harness;
  const auto command = harness.command("command", {{"argv", {"sleep", "1000"}}});
  const auto plugin = harness.plugin("plugin", "test.hang");
  harness.launch(command);
  harness.launch(plugin);
  const pid_t first = harness.started(command.id);
  const pid_t second = harness.started(plugin.id);
  send_signal(harness.supervisor(), SIGKILL);
  for (const auto& request : {command, plugin}) {
    const auto result = harness.result(request.id);
    EXPECT_EQ(result.cause, "lost");
    EXPECT_NE(result.message.find("was killed by SIGKILL"), std::string::npos) << result.message;
  }
  // Nothing runs on that nobody watches.
  EXPECT_TRUE(test::eventually([&] { return !alive(first) && !alive(second); }));
  EXPECT_EQ(harness.run(harness.script("next", "true")).status, "succeeded");
}

TEST(LocalAdoption, WhatAKilledSupervisorsAttemptsHaveStartedEndsBeforeOthersRun) {
  Harness harness;
  const auto put = [&](const char* file) {
    return " sleep 1000 & echo $! > " + (harness.files() / file).string() + "; wait";
  };
  // Shells that wait for a child, which is no leader: nothing ends it with the supervisor.
  const auto command = harness.script("parent", put("child"));
  const auto daemon = harness.script("daemon", "setsid" + put("daemon"));
  harness.launch(command);
  harness.launch(daemon);
  const pid_t child = harness.pid_in("child"), other = harness.pid_in("daemon");
  send_signal(harness.supervisor(), SIGKILL);
  EXPECT_EQ(harness.result(command.id).cause, "lost");
  EXPECT_EQ(harness.result(daemon.id).cause, "lost");
  EXPECT_EQ(harness.run(harness.script("next", "true")).status, "succeeded");
  EXPECT_FALSE(alive(child));
  EXPECT_FALSE(alive(other)) << "also what had left the session";
}

TEST(LocalAdoption, AMissingWorkerIsSaid) {
  test::TempDir files;
  std::promise<protocol::Result> said;
  Options options;
  options.state_directory = options.socket_directory = files.path().string();
  options.worker = (files / "nowhere").string();
  test::Strand strand;
  auto backend = make_local(options, strand.context(), [&](const std::vector<Report>& reports) {
    said.set_value(std::get<protocol::Ended>(reports.at(0)).result);
  });
  auto request = std::make_shared<protocol::Request>();
  request->id = {"run", "a", 1};
  request->uses = "command";
  strand.run([&] { backend->launch({request}); });
  const protocol::Result result = said.get_future().get();
  strand.run([&] { backend.reset(); });
  EXPECT_EQ(result.cause, "config");
  EXPECT_NE(result.message.find("nowhere: No such file"), std::string::npos) << result.message;
}

}  // namespace
}  // namespace scanflow::backend
