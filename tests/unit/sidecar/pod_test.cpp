// The processes of a Pod of the engine's, without the Pod: a worker that waits for orders, the sidecar that
// relays them, and a hub with a store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sdk/base/tree.hpp"
#include "tests/support/bulk_store.hpp"
#include "tests/unit/sidecar/hubs.hpp"

namespace scanflow {
namespace {

using nlohmann::json;
using test::Hubs;
using test::kBin;
using testing::HasSubstr;

class PodTest : public testing::Test {
 protected:
  PodTest() {
    start_worker();
    start_sidecar();
  }
  ~PodTest() override {
    if (HasFailure()) ADD_FAILURE() << sidecar_->err() << worker_->err();
  }
  std::string path(const std::string& name) const { return (files_ / name).string(); }
  void start_worker() {
    worker_ = std::make_unique<test::Program>(
        std::vector<std::string>{kBin + "scanflow-exec", "--serve"},
        test::Program::Environment{{"SCANFLOW_WORKER_SOCKET", path("worker.sock")},
                                   {"SCANFLOW_SIDECAR_SOCKET", path("sidecar.sock")}});
  }
  void start_sidecar() {
    sidecar_ = std::make_unique<test::Program>(
        std::vector<std::string>{kBin + "scanflow-sidecar"},
        test::Program::Environment{{"SCANFLOW_HUB", hubs_.endpoint()},
                                   {"SCANFLOW_BULK", hubs_.bulk_endpoint()},
                                   {"SCANFLOW_POD_UID", "pod-1"},
                                   {"SCANFLOW_SIDECAR_DIR", path("sidecar")},
                                   {"SCANFLOW_WORKER_SOCKET", path("worker.sock")},
                                   {"SCANFLOW_SIDECAR_SOCKET", path("sidecar.sock")}});
  }
  void launch(const std::string& script, std::vector<protocol::Input> inputs = {},
              const std::string& step = "train") {
    protocol::Request request;
    request.id = {"run", step, 1};
    request.uses = "command";
    request.config = json{{"run", script}, {"shell", "sh"}}.dump();
    request.inputs = std::move(inputs);
    hubs_.order(protocol::Launch{std::move(request)});
  }
  protocol::Result result(std::size_t which = 0) {
    EXPECT_TRUE(hubs_.sees([&](Hubs& hubs) { return hubs.results.size() > which; }));
    return hubs_.results.size() > which ? hubs_.results[which] : protocol::Result();
  }

  test::TempDir files_;
  hub::TestStore store_{files_};
  Hubs hubs_{path("hub"), "pod-1", store_.access()};
  std::unique_ptr<test::Program> worker_, sidecar_;
};

TEST_F(PodTest, InputsComeAndWhatWasMadeGoes) {
  const std::string hello = store_.put("hello");
  const std::vector<TreeFile> tree = {{.path = "deep/a.txt", .sha256 = hello, .bytes = 5},
                                      {.path = "none", .empty_directory = true}};
  const std::string manifest = store_.put(manifest_of(tree));
  launch(R"(
echo "working" >&2
cat "$SCANFLOW_INPUT_WORDS" "$SCANFLOW_INPUT_DATA/deep/a.txt"
test -d "$SCANFLOW_INPUT_DATA/none" || exit 3
echo 'loss 0.5 step=1' >> "$SCANFLOW_METRICS"
echo rows=7 > "$SCANFLOW_OUTPUT"
mkdir -p "$SCANFLOW_ARTIFACTS/model/sub"
echo weights > "$SCANFLOW_ARTIFACTS/model/sub/w"
echo report > "$SCANFLOW_ARTIFACTS/report.txt"
)",
         {{"words", "file", hello, 5, false}, {"data", "tree", manifest, 5, true}});
  const protocol::Result ended = result();
  EXPECT_EQ(ended.status, "succeeded") << ended.message;
  EXPECT_EQ(ended.outputs, R"({"rows":7})");
  ASSERT_EQ(ended.artifacts.size(), 2u);
  EXPECT_EQ(ended.artifacts[0].name, "model");
  EXPECT_EQ(ended.artifacts[0].sha256, store_.brought["model"]);
  EXPECT_EQ(ended.artifacts[0].bytes, 8u);
  EXPECT_TRUE(ended.artifacts[0].directory);
  EXPECT_EQ(ended.artifacts[1].sha256, sha256_hex("report\n"));
  EXPECT_EQ(store_.content("model"), sha256_hex("weights\n") + " 8 444 sub/w\n");
  EXPECT_EQ(store_.log("log"), "working\nhellohello");
  EXPECT_EQ(ended.log.length, 18u);
  ASSERT_EQ(hubs_.metrics.size(), 1u);
  EXPECT_EQ(hubs_.metrics[0].name, "loss");
}

TEST_F(PodTest, StepsFollowEachOtherInOnePod) {
  for (int i = 0; i < 5; ++i) launch("echo step $SCANFLOW_STEP", {}, "s" + std::to_string(i));
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(result(i).status, "succeeded");
}

TEST_F(PodTest, AnInputThatIsNotToBeHadFailsTheAttempt) {
  launch("true", {{"words", "file", sha256_hex("nobody has it"), 5, false}});
  const protocol::Result ended = result();
  EXPECT_EQ(ended.status, "failed");
  EXPECT_EQ(ended.cause, "retryable");
  EXPECT_THAT(ended.message, HasSubstr("an input could not be brought into the Pod"));
}

TEST_F(PodTest, AnArtifactThatCannotBeStoredIsTheStepsError) {
  launch("mkdir $SCANFLOW_ARTIFACTS/tree && ln -s nowhere $SCANFLOW_ARTIFACTS/tree/link");
  const protocol::Result ended = result();
  EXPECT_EQ(ended.status, "failed");
  EXPECT_EQ(ended.cause, "error") << "trying again changes nothing";
  EXPECT_THAT(ended.message, HasSubstr("it is a symbolic link"));
}

TEST_F(PodTest, IsSteeredAndTellsWhyItFailed) {
  launch("exec sleep 60");
  ASSERT_TRUE(hubs_.sees([](Hubs& hubs) { return !hubs.started.empty(); }));
  const pid_t pid = hubs_.started.back().pid;
  const std::string id = hubs_.send("pause", json::object(), "train");
  EXPECT_EQ(hubs_.outcome(id).outcome, "DONE");
  EXPECT_TRUE(test::eventually([&] { return test::state_of(pid) == 'T'; }));
  EXPECT_EQ(hubs_.outcome(hubs_.send("resume", json::object(), "train")).outcome, "DONE");
  ::kill(pid, SIGSEGV);
  const protocol::Result ended = result();
  EXPECT_EQ(ended.cause, "crash") << ended.message;
  EXPECT_EQ(ended.signal, SIGSEGV);
  EXPECT_THAT(ended.post_mortem, HasSubstr("cause"));
}

TEST_F(PodTest, IsCancelled) {
  launch("exec sleep 60");
  ASSERT_TRUE(hubs_.sees([](Hubs& hubs) { return !hubs.started.empty(); }));
  hubs_.order(protocol::Cancel{{"run", "train", 1}, "timeout"});
  const protocol::Result ended = result();
  EXPECT_EQ(ended.status, "cancelled") << ended.message;
  EXPECT_EQ(ended.cause, "timeout");
}

TEST_F(PodTest, AKilledSidecarsSuccessorGoesOn) {
  launch("echo before; while ! test -e '" + path("go") +
         "'; do sleep 0.02; done; echo after; "
         "echo made > $SCANFLOW_ARTIFACTS/x");
  ASSERT_TRUE(test::eventually([&] { return store_.log("log") == "before\n"; }));
  sidecar_->signal(SIGKILL);
  sidecar_->wait();
  test::write(path("go"), "");
  start_sidecar();
  const protocol::Result ended = result();
  EXPECT_EQ(ended.status, "succeeded") << ended.message;
  EXPECT_EQ(store_.log("log"), "before\nafter\n");
  EXPECT_EQ(store_.content("x"), "made\n");
  sidecar_->signal(SIGKILL);  // what is over does not run again
  sidecar_->wait();
  start_sidecar();
  launch("true", {}, "next");
  EXPECT_EQ(result(1).id.step, "next");
}

TEST_F(PodTest, WhatEndsWhileTheHubIsAwayIsToldToTheNext) {
  launch("echo made > $SCANFLOW_ARTIFACTS/x; while ! test -e '" + path("go") +
         "'; do sleep 0.02; done");
  ASSERT_TRUE(hubs_.sees([](Hubs& hubs) { return !hubs.started.empty(); }));
  const pid_t pid = hubs_.started.back().pid;
  hubs_.stop();
  test::write(path("go"), "");
  ASSERT_TRUE(test::eventually([&] { return test::state_of(pid) == '\0'; }));
  hubs_.start();
  EXPECT_EQ(result().status, "succeeded");
  EXPECT_EQ(store_.content("x"), "made\n");
}

TEST_F(PodTest, EndsWhenItIsToldTo) {
  launch("true");
  EXPECT_EQ(result().status, "succeeded");
  hubs_.order(protocol::Shutdown{});
  EXPECT_EQ(worker_->wait().exit, 0);
}

}  // namespace
}  // namespace scanflow
