#include "engine/runtime/pod_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
  pods_.admit("pod", request, files_ / "log");
  EXPECT_EQ(test::read(*fetch("file", file->sha256)), "hello");
  EXPECT_EQ(test::read(*fetch("file", sha256_hex("in a tree"))), "in a tree");
  EXPECT_THAT(test::read(*fetch("tree", tree->sha256)), HasSubstr("deep/c"));
  EXPECT_THAT(fetch("file", other->sha256).error().message, HasSubstr("no input"));
  EXPECT_FALSE(fetch("file", file->sha256, "another-pod"));
  pods_.dismiss("pod", request.id);
  EXPECT_FALSE(fetch("file", file->sha256)) << "nor after";
}

TEST_F(PodFilesTest, WhatComesWholeIsInTheStore) {
  pods_.admit("pod", request(), files_ / "log");
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

TEST_F(PodFilesTest, AManifestThatLeavesItsTreeIsRefused) {
  pods_.admit("pod", request(), files_ / "log");
  ASSERT_TRUE(bring("file", "w", "weights"));
  for (const char* path : {"../../escape", "/etc/passwd", "a/../../b"}) {
    const auto brought = bring("tree", path, sha256_hex("weights") + " 7 444 " + path + "\n");
    ASSERT_FALSE(brought) << path;
    EXPECT_THAT(brought.error().message, HasSubstr("a line that is none"));
  }
}

TEST_F(PodFilesTest, ATreeOfWhatNeverCameIsRefused) {
  pods_.admit("pod", request(), files_ / "log");
  EXPECT_FALSE(bring("tree", "model", sha256_hex("never") + " 5 444 w\n"));
}

TEST_F(PodFilesTest, OnlyTheAttemptsOwnPodBringsItsThings) {
  pods_.admit("pod", request(), files_ / "log");
  EXPECT_THAT(store("file", "x", "another-pod").error().message, HasSubstr("does not run there"));
  const auto log = store("log", "log");
  ASSERT_TRUE(log);
  EXPECT_EQ(log->path, files_ / "log");
  EXPECT_GE(log->most, 100u);
  EXPECT_LT(log->most, 10'000u);
}

TEST_F(PodFilesTest, WhatDidNotComeWholeIsGoneWithTheAttempt) {
  pods_.admit("pod", request(), files_ / "log");
  test::write(store("file", "half")->path, "hel");
  pods_.dismiss("pod", request().id);
  EXPECT_TRUE(std::filesystem::is_empty(files_ / "incoming"));
}

}  // namespace
}  // namespace scanflow::runtime
