// The engine goes and comes back; the supervisor dies.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>

#include "tests/unit/backend/harness.hpp"

namespace scanflow::backend {
namespace {

std::string wait_for(const std::string& file) {
  return "until [ -e " + file + " ]; do sleep 0.01; done; ";
}

TEST(LocalAdoption, WithoutASupervisorThereIsNothing) {
  Harness harness;
  const auto listing = harness.backend().list();
  ASSERT_TRUE(listing) << listing.error().message;
  EXPECT_TRUE(listing->running.empty());
  EXPECT_TRUE(listing->ended.empty());
  EXPECT_EQ(harness.supervisor(), 0);
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
  const auto listing = harness.backend().list();
  ASSERT_TRUE(listing) << listing.error().message;
  ASSERT_EQ(listing->running.size(), 1u);
  EXPECT_EQ(listing->running[0].id, running.id);
  EXPECT_EQ(listing->running[0].pid, pid);
  ASSERT_EQ(listing->ended.size(), 1u);
  EXPECT_EQ(listing->ended[0].outputs, R"({"answer":42})");
  harness.files().write("gate", "");
  EXPECT_EQ(harness.log(harness.result(running.id)), "here\n");
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
  const auto listing = harness.backend().list();
  ASSERT_TRUE(listing) << listing.error().message;
  ASSERT_EQ(listing->ended.size(), 1u);
  EXPECT_EQ(listing->ended[0].outputs, R"({"a":1})");
  EXPECT_TRUE(test::eventually([&] { return harness.metrics(request.id).size() == 1; }));

  // Acknowledged, it is forgotten, and the supervisor ends with its engine.
  harness.backend().acknowledge(request.id);
  const pid_t supervisor = harness.supervisor();
  harness.forget_backend();
  EXPECT_TRUE(test::eventually([&] { return !alive(supervisor); }));
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
  ASSERT_TRUE(harness.backend().list());
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

TEST(LocalAdoption, AMissingWorkerIsSaid) {
  test::TempDir files;
  std::mutex mutex;
  std::vector<protocol::Result> results;
  Options options;
  options.state_directory = options.socket_directory = files.path().string();
  options.worker = (files / "nowhere").string();
  const auto backend = make_local(options, [&](std::vector<Report> reports) {
    const std::lock_guard lock(mutex);
    for (const auto& report : reports) results.push_back(std::get<protocol::Ended>(report).result);
  });
  auto request = std::make_shared<protocol::Request>();
  request->id = {"run", "a", 1};
  request->uses = "command";
  backend->launch({request});
  EXPECT_TRUE(test::eventually([&] {
    const std::lock_guard lock(mutex);
    return results.size() == 1;
  }));
  EXPECT_EQ(results.at(0).cause, "config");
  EXPECT_NE(results.at(0).message.find("nowhere: No such file"), std::string::npos)
      << results.at(0).message;
}

}  // namespace
}  // namespace scanflow::backend
