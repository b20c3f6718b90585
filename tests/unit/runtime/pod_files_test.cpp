#include "engine/runtime/pod_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/runtime/namespaces.hpp"
#include "engine/runtime/saved_checkpoints.hpp"
#include "sdk/base/digest.hpp"
#include "sdk/base/tree.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::runtime {
namespace {

using testing::HasSubstr;

class PodFilesTest : public testing::Test {
 protected:
  protocol::Request request() {
    protocol::Request request;
    request.id = {"run", "train", 1};
    request.log_limit = 100;
    return request;
  }
  Result<std::filesystem::path> fetch(const std::string& object, const std::string& sha256,
                                      const std::string& pod = "pod") {
    return access_.fetch({pod, pod}, {1, object, sha256, 0, 0});
  }
  Result<hub::BulkAccess::Place> store(const std::string& object, const std::string& name,
                                       const std::string& pod = "pod",
                                       const std::string& sha256 = "") {
    return access_.store({pod, pod}, {1, {"run", "train", 1}, object, name, 5, sha256});
  }
  /// Brings it as the hub does, once it is whole.
  Result<void> bring(const std::string& object, const std::string& name,
                     const std::string& content) {
    const auto place = store(object, name);
    if (!place) return tl::unexpected(place.error());
    test::write(place->path, content);
    return access_.stored({"pod", "pod"}, {1, {"run", "train", 1}, object, name, 5, ""},
                          place->path, sha256_hex(content));
  }

  test::TempDir files_;
  store::Artifacts artifacts_{files_ / "artifacts"};
  PodFiles pods_{artifacts_, files_ / "incoming"};
  hub::BulkAccess access_ = pods_.access();
};

TEST_F(PodFilesTest, APodHasItsInputsAndNothingElse) {
  const auto file = artifacts_.put_copy(files_.write("a", "hello"));
  const auto other = artifacts_.put_copy(files_.write("b", "secret"));
  files_.write("tree/deep/c", "in a tree");
  const auto tree = artifacts_.put_copy(files_ / "tree");
  ASSERT_TRUE(file && other && tree);
  protocol::Request request = this->request();
  request.inputs = {{"a", "file", file->sha256, 5, false}, {"t", "tree", tree->sha256, 9, true}};
  EXPECT_FALSE(fetch("file", file->sha256)) << "not before it runs";
  pods_.admit("pod", request, {files_ / "log", files_ / "work"});
  EXPECT_EQ(test::read(*fetch("file", file->sha256)), "hello");
  EXPECT_EQ(test::read(*fetch("file", sha256_hex("in a tree"))), "in a tree");
  EXPECT_THAT(test::read(*fetch("tree", tree->sha256)), HasSubstr("deep/c"));
  EXPECT_THAT(fetch("file", other->sha256).error().message, HasSubstr("no input"));
  EXPECT_FALSE(fetch("file", file->sha256, "another-pod"));
  pods_.dismiss("pod", request.id);
  EXPECT_FALSE(fetch("file", file->sha256)) << "nor after";
}

TEST_F(PodFilesTest, WhatIsLentToANamespaceEachOfItsPodsMayFetch) {
  const auto model = artifacts_.put_copy(files_.write("a", "weights"));
  ASSERT_TRUE(model);
  pods_.lend(user_of_namespace("podman"), "service a/b", {{"m", "file", model->sha256, 7, false}});
  for (const std::string& user : {user_of_namespace("podman"), user_of_pod("podman", "digits-1")})
    EXPECT_TRUE(fetch("file", model->sha256, user)) << user;
  EXPECT_FALSE(fetch("file", model->sha256, user_of_pod("shop", "digits-1")));
  pods_.lend(user_of_namespace("podman"), "service a/b", {});
  EXPECT_FALSE(fetch("file", model->sha256, user_of_pod("podman", "digits-1")));
}

TEST_F(PodFilesTest, WhatComesWholeIsInTheStore) {
  pods_.admit("pod", request(), {files_ / "log", files_ / "work"});
  ASSERT_TRUE(bring("file", "model/w", "weights"));
  ASSERT_TRUE(bring("executable", "tool", "#!/bin/sh"));
  EXPECT_TRUE(artifacts_.has(sha256_hex("weights"), false));
  const std::string manifest =
      manifest_of({{.path = "w", .sha256 = sha256_hex("weights"), .bytes = 7}});
  ASSERT_TRUE(bring("tree", "model", manifest));
  const auto tree = artifacts_.find(sha256_hex(manifest), true);
  ASSERT_TRUE(tree) << tree.error().message;
  EXPECT_EQ(test::read(tree->path / "w"), "weights");
  EXPECT_EQ(store("file", "again", "pod", sha256_hex("weights"))->sha256, sha256_hex("weights"))
      << "it need not be sent again";
}

TEST_F(PodFilesTest, CheckpointsComeAndTheNextAttemptHasThem) {
  protocol::Request one = request();
  pods_.admit("pod", one, {files_ / "log", files_ / "work"});
  const std::string manifest = manifest_of({{.path = "m", .sha256 = sha256_hex("w"), .bytes = 1}});
  EXPECT_FALSE(bring("checkpoints", "snapshot", manifest)) << "its file has not come";
  ASSERT_TRUE(bring("checkpoint", "m", "w"));
  ASSERT_TRUE(bring("checkpoints", "snapshot", manifest));
  EXPECT_FALSE(artifacts_.has(sha256_hex("w"), false)) << "it is no artifact";
  pods_.dismiss("pod", one.id);
  EXPECT_THAT(bring("checkpoint", "m", "late").error().message, HasSubstr("does not run there"));

  one.id.attempt = 2;
  one.saved = saved_checkpoints(saved_directory(files_ / "work"));
  ASSERT_EQ(one.saved.size(), 1u);
  pods_.admit("next", one, {files_ / "log", files_ / "work"});
  EXPECT_EQ(test::read(*fetch("checkpoint", one.saved.at("train"), "next")), manifest);
  EXPECT_EQ(test::read(*fetch("checkpoint", sha256_hex("w"), "next")), "w");
  EXPECT_FALSE(fetch("checkpoint", sha256_hex("w"), "pod")) << "another Pod's";
  EXPECT_FALSE(fetch("file", sha256_hex("w"), "next"));
}

TEST_F(PodFilesTest, WhatOneRankHasBroughtIsNotTakenAwayByTheSnapshotOfAnother) {
  pods_.admit("pod", request(), {files_ / "log", files_ / "work"});
  protocol::Request rank = request();
  rank.id.step = "train@1";
  pods_.admit("other", rank, {files_ / "log2", files_ / "work"});
  const protocol::Store shard{1, rank.id, "checkpoint", "shard", 1, ""};
  const auto place = access_.store({"other", "other"}, shard);
  ASSERT_TRUE(place);
  test::write(place->path, "s");
  ASSERT_TRUE(access_.stored({"other", "other"}, shard, place->path, sha256_hex("s")));
  ASSERT_TRUE(bring("checkpoint", "m", "w"));
  ASSERT_TRUE(bring("checkpoints", "snapshot",
                    manifest_of({{.path = "m", .sha256 = sha256_hex("w"), .bytes = 1}})));
  EXPECT_TRUE(
      std::filesystem::exists(saved_object(saved_directory(files_ / "work"), sha256_hex("s"))));
}

TEST_F(PodFilesTest, WhoLeavesNothingBringsNoCheckpoint) {
  pods_.admit("pod", request(), {files_ / "log", ""});
  EXPECT_THAT(bring("checkpoint", "m", "w").error().message,
              HasSubstr("leaves nothing for later attempts"));
}

TEST_F(PodFilesTest, AManifestThatLeavesItsTreeIsRefused) {
  pods_.admit("pod", request(), {files_ / "log", files_ / "work"});
  ASSERT_TRUE(bring("file", "w", "weights"));
  for (const char* path : {"../../escape", "/etc/passwd", "a/../../b"}) {
    const auto brought = bring("tree", path, sha256_hex("weights") + " 7 444 " + path + "\n");
    ASSERT_FALSE(brought) << path;
    EXPECT_THAT(brought.error().message, HasSubstr("a line that is none"));
  }
}

TEST_F(PodFilesTest, ATreeOfWhatNeverCameIsRefused) {
  pods_.admit("pod", request(), {files_ / "log", files_ / "work"});
  EXPECT_FALSE(bring("tree", "model", sha256_hex("never") + " 5 444 w\n"));
}

TEST_F(PodFilesTest, OnlyTheAttemptsOwnPodBringsItsThings) {
  pods_.admit("pod", request(), {files_ / "log", files_ / "work"});
  EXPECT_THAT(store("file", "x", "another-pod").error().message, HasSubstr("does not run there"));
  const auto log = store("log", "log");
  ASSERT_TRUE(log);
  EXPECT_EQ(log->path, files_ / "log");
  EXPECT_GE(log->most, 100u);
  EXPECT_LT(log->most, 10'000u);
}

TEST_F(PodFilesTest, WhatDidNotComeWholeIsGoneWithTheAttempt) {
  pods_.admit("pod", request(), {files_ / "log", files_ / "work"});
  test::write(store("file", "half")->path, "hel");
  pods_.dismiss("pod", request().id);
  EXPECT_TRUE(std::filesystem::is_empty(files_ / "incoming"));
}

}  // namespace
}  // namespace scanflow::runtime
