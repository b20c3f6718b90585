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
using testing::Not;

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
  static protocol::Request request(const std::string& script, const std::string& step = "train") {
    protocol::Request request;
    request.id = {"run", step, 1};
    request.uses = "command";
    request.config = json{{"run", script}, {"shell", "sh"}}.dump();
    return request;
  }
  void launch(const std::string& script, std::vector<protocol::Input> inputs = {},
              const std::string& step = "train") {
    protocol::Request request = this->request(script, step);
    request.inputs = std::move(inputs);
    hubs_.order(protocol::Launch{std::move(request)});
  }
  /// With a directory of checkpoints, which earlier attempts have left something in.
  void launch_again(const std::string& script, std::map<std::string, std::string> saved = {}) {
    protocol::Request request = this->request(script);
    request.checkpoints = path("checkpoints/step/work");
    request.saved = std::move(saved);
    hubs_.order(protocol::Launch{std::move(request)});
  }
  /// The manifest of files with these contents, which can be fetched.
  std::string left(const std::map<std::string, std::string>& contents) {
    std::vector<TreeFile> files;
    for (const auto& [name, content] : contents)
      files.push_back({.path = name, .sha256 = store_.put(content), .bytes = content.size()});
    return store_.put(manifest_of(files));
  }
  /// What the last snapshot at the hub says.
  static std::string manifest(const std::map<std::string, std::string>& contents) {
    std::vector<TreeFile> files;
    for (const auto& [name, content] : contents)
      files.push_back({.path = name, .sha256 = sha256_hex(content), .bytes = content.size()});
    return manifest_of(files);
  }
  /// As manifest() says it.
  testing::AssertionResult saves(const std::map<std::string, std::string>& contents) {
    const std::string wanted = manifest(contents);
    if (test::eventually([&] { return store_.content("snapshot") == wanted; }))
      return testing::AssertionSuccess();
    return testing::AssertionFailure() << "at the hub is\n"
                                       << store_.content("snapshot") << "not\n"
                                       << wanted;
  }
  /// A script that waits for go().
  std::string wait_for_go() const {
    return "while ! test -e '" + path("go") + "'; do sleep 0.02; done; ";
  }
  void go() const { test::write(path("go"), ""); }
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

TEST_F(PodTest, CheckpointsAreSavedAsTheyComeAndAtItsEndBeforeThatIsTold) {
  launch_again(
      "mkdir -p $SCANFLOW_CHECKPOINTS/e; cd $SCANFLOW_CHECKPOINTS; printf one > e/1; "
      "ln -s e/1 last; chmod +x e/1; " +
      wait_for_go() + "printf two > e/2; ln -sf e/2 last; rm e/1; exit 1");
  const std::string first =
      manifest_of({{.path = "e/1", .sha256 = sha256_hex("one"), .bytes = 3, .executable = true},
                   {.path = "last", .sha256 = sha256_hex("e/1"), .bytes = 3, .link = true}});
  ASSERT_TRUE(test::eventually([&] { return store_.content("snapshot") == first; }))
      << store_.content("snapshot");
  go();
  EXPECT_EQ(result().cause, "exit");
  EXPECT_EQ(store_.content("snapshot"),
            manifest_of({{.path = "e/2", .sha256 = sha256_hex("two"), .bytes = 3},
                         {.path = "last", .sha256 = sha256_hex("e/2"), .bytes = 3, .link = true}}));
  EXPECT_FALSE(std::filesystem::exists(path("checkpoints/step/work"))) << "the next one brings it";
}

TEST_F(PodTest, WhatEarlierAttemptsHaveLeftIsThereAndIsNotSentAgain) {
  launch_again("cd $SCANFLOW_CHECKPOINTS; cat a b; printf more > c; " + wait_for_go(),
               {{"train", left({{"a", "1"}, {"b", "2"}})}});
  EXPECT_TRUE(saves({{"a", "1"}, {"b", "2"}, {"c", "more"}}));
  EXPECT_FALSE(store_.brought.contains("a"));
  go();
  EXPECT_EQ(result().status, "succeeded");
  EXPECT_THAT(store_.log("log"), HasSubstr("12"));
  EXPECT_THAT(store_.log("log"), HasSubstr("an earlier attempt has left checkpoints"));
}

TEST_F(PodTest, ARankHasWhatTheOthersLeftAndSavesItsOwnAlone) {
  launch_again(
      "cd $SCANFLOW_CHECKPOINTS; cat own shared other; printf new > mine; "
      "printf changed > other; " +
          wait_for_go(),
      {{"train", left({{"own", "1"}, {"shared", "2"}})},
       {"train@1", left({{"shared", "not this"}, {"other", "3"}, {"more", "4"}})}});
  EXPECT_TRUE(saves({{"mine", "new"}, {"other", "changed"}, {"own", "1"}, {"shared", "2"}}));
  go();
  EXPECT_EQ(result().status, "succeeded");
  EXPECT_THAT(store_.log("log"), HasSubstr("123"));
}

TEST_F(PodTest, ItDoesNotBeginAnewBecauseWhatWasLeftCannotBeHad) {
  launch_again("true", {{"train", left({{"a", "1"}})}, {"train@1", sha256_hex("nobody has it")}});
  const protocol::Result ended = result();
  EXPECT_EQ(ended.cause, "retryable");
  EXPECT_THAT(ended.message, HasSubstr("what earlier attempts have left could not be brought"));
  EXPECT_THAT(ended.message, HasSubstr("remove checkpoints/run of the engine's state directory"));
}

TEST_F(PodTest, WhatIsReplacedWhileItIsSentIsSavedAsItWas) {
  launch_again(
      "cd $SCANFLOW_CHECKPOINTS; for i in 1 2 3 4 5 6 7 8; do "
      "head -c 3000000 /dev/zero | tr '\\0' $i > new; mv new model; sleep 0.3; done; exit 1");
  EXPECT_EQ(result().cause, "exit");
  EXPECT_EQ(store_.content("snapshot"), manifest({{"model", std::string(3'000'000, '8')}}));
}

TEST_F(PodTest, WhatCannotBeReadDoesNotKeepTheRestBack) {
  launch_again(
      "cd $SCANFLOW_CHECKPOINTS; echo no > locked; chmod 000 locked; mkfifo pipe; "
      "ln -s /etc/passwd away; printf yes > fine; exit 1");
  EXPECT_EQ(result().cause, "exit");
  EXPECT_THAT(store_.content("snapshot"), HasSubstr(sha256_hex("yes") + " 3 444 fine"));
  EXPECT_THAT(store_.content("snapshot"), Not(HasSubstr("away")));
}

TEST_F(PodTest, WhatIsRenamedIsNotSentAgain) {
  launch_again("cd $SCANFLOW_CHECKPOINTS; printf one > new; " + wait_for_go() +
               "mv new old; exit 1");
  EXPECT_TRUE(saves({{"new", "one"}}));
  go();
  EXPECT_EQ(result().cause, "exit");
  EXPECT_EQ(store_.content("snapshot"), manifest({{"old", "one"}}));
  EXPECT_FALSE(store_.brought.contains("old"));
}

TEST_F(PodTest, LinksAreBroughtAsLinks) {
  launch_again(
      "cd $SCANFLOW_CHECKPOINTS; mkdir step-1; printf w > step-1/w; ln -s step-1 latest; exit 1");
  EXPECT_EQ(result().cause, "exit");
  protocol::Request next = request(
      "cd $SCANFLOW_CHECKPOINTS; echo is=$(readlink latest)-$(cat latest/w) >> $SCANFLOW_OUTPUT");
  next.id.attempt = 2;
  next.checkpoints = path("checkpoints/step/work");
  next.saved = {{"train", store_.brought["snapshot"]}};
  hubs_.order(protocol::Launch{std::move(next)});
  EXPECT_EQ(result(1).outputs, R"({"is":"step-1-w"})") << result(1).message;
}

TEST_F(PodTest, MoreFilesThanCanBeSavedAreSaid) {
  launch_again("cd $SCANFLOW_CHECKPOINTS; seq 1 6000 | xargs touch; exit 1");
  EXPECT_EQ(result().cause, "exit");
  EXPECT_TRUE(hubs_.sees([](Hubs& hubs) {
    return hubs.said.find("more than 5000 files") != std::string::npos;
  })) << hubs_.said;
}

TEST_F(PodTest, OfAWorkerThatIsKilledAllIsSavedAndItsLogAndItsLastMinuteAreTold) {
  launch_again("printf half > $SCANFLOW_CHECKPOINTS/m; echo said; sleep 60");
  ASSERT_TRUE(hubs_.sees([](Hubs& hubs) { return !hubs.started.empty(); }));
  const pid_t pid = hubs_.started.back().pid;
  ASSERT_TRUE(test::eventually([&] { return store_.log("log") == "said\n"; }));
  worker_->signal(SIGKILL);
  const protocol::Result ended = result();
  ::kill(-pid, SIGKILL);  // in a Pod it would have gone with its container
  EXPECT_EQ(ended.cause, protocol::kWorkerGone);
  EXPECT_EQ(store_.content("snapshot"), manifest({{"m", "half"}}));
  EXPECT_EQ(store_.log("log"), "said\n");
  EXPECT_EQ(ended.log.length, 5u);
  EXPECT_THAT(ended.post_mortem, HasSubstr("curves"));
}

TEST_F(PodTest, ASidecarThatIsToEndAfterItsWorkerSavesAllFirst) {
  launch_again("printf half > $SCANFLOW_CHECKPOINTS/m; sleep 60");
  ASSERT_TRUE(hubs_.sees([](Hubs& hubs) { return !hubs.started.empty(); }));
  const pid_t pid = hubs_.started.back().pid;
  ASSERT_TRUE(
      test::eventually([&] { return test::read(path("checkpoints/step/work/m")) == "half"; }));
  worker_->signal(SIGKILL);
  sidecar_->signal(SIGTERM);  // as the kubelet does where the app's container has ended
  EXPECT_EQ(sidecar_->wait().exit, 0);
  ::kill(-pid, SIGKILL);
  EXPECT_EQ(store_.content("snapshot"), manifest({{"m", "half"}}));
  EXPECT_EQ(result().cause, protocol::kWorkerGone);
}

TEST_F(PodTest, AKilledSidecarsSuccessorLeavesCheckpointsAsTheyAre) {
  launch_again("cd $SCANFLOW_CHECKPOINTS; printf newer > a; touch '" + path("written") + "'; " +
                   wait_for_go() + "cat a; exit 1",
               {{"train", left({{"a", "1"}, {"b", "2"}})}});
  ASSERT_TRUE(test::eventually([&] { return std::filesystem::exists(path("written")); }));
  sidecar_->signal(SIGKILL);
  sidecar_->wait();
  start_sidecar();
  EXPECT_TRUE(saves({{"a", "newer"}, {"b", "2"}}));
  go();
  EXPECT_EQ(result().cause, "exit");
  EXPECT_THAT(store_.log("log"), HasSubstr("newer"));
}

TEST_F(PodTest, ASidecarThatWasKilledWithItsWorkerHasASuccessorThatSavesAllAndSaysSo) {
  launch_again("printf half > $SCANFLOW_CHECKPOINTS/m; sleep 60");
  ASSERT_TRUE(hubs_.sees([](Hubs& hubs) { return !hubs.started.empty(); }));
  const pid_t pid = hubs_.started.back().pid;
  ASSERT_TRUE(
      test::eventually([&] { return test::read(path("checkpoints/step/work/m")) == "half"; }));
  sidecar_->signal(SIGKILL);
  worker_->signal(SIGKILL);
  ::kill(-pid, SIGKILL);
  sidecar_->wait();
  worker_->wait();
  start_sidecar();
  EXPECT_EQ(result().cause, protocol::kWorkerGone);
  EXPECT_EQ(store_.content("snapshot"), manifest({{"m", "half"}}));
}

TEST_F(PodTest, WhatSucceedsLeavesNothing) {
  launch_again("printf done > $SCANFLOW_CHECKPOINTS/m");
  EXPECT_EQ(result().status, "succeeded");
  EXPECT_FALSE(std::filesystem::exists(path("checkpoints/step/work")));
  EXPECT_FALSE(std::filesystem::exists(path("checkpoints/step/work.brought")));
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
