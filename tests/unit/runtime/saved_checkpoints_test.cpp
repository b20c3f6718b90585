#include "engine/runtime/saved_checkpoints.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sdk/base/digest.hpp"
#include "sdk/base/tree.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::runtime {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class SavedCheckpoints : public testing::Test {
 protected:
  std::string save(const std::string& content) {
    const std::string sha256 = sha256_hex(content);
    EXPECT_TRUE(save_object(saved_, files_.write("came", content), sha256));
    return sha256;
  }
  /// Of files that are saved already.
  Result<void> snapshot(const std::map<std::string, std::string>& contents,
                        const std::string& whose = "train",
                        const std::set<std::string>& in_use = {}) {
    std::vector<TreeFile> files;
    for (const auto& [name, content] : contents)
      files.push_back({.path = name, .sha256 = sha256_hex(content), .bytes = content.size()});
    last_ = sha256_hex(manifest_of(files));
    return save_snapshot(saved_, whose, files_.write("manifest", manifest_of(files)), last_,
                         in_use);
  }
  bool is_there(const std::string& content) const {
    return std::filesystem::exists(saved_object(saved_, sha256_hex(content)));
  }

  test::TempDir files_;
  const std::filesystem::path saved_ = saved_directory(files_ / "work");
  std::string last_;
};

TEST_F(SavedCheckpoints, ThereAreNoneAtFirst) { EXPECT_THAT(saved_checkpoints(saved_), IsEmpty()); }

TEST_F(SavedCheckpoints, ASnapshotReplacesTheOneBefore) {
  save("1");
  save("2");
  ASSERT_TRUE(snapshot({{"a", "1"}, {"b", "2"}}));
  const std::string first = last_;
  EXPECT_EQ(saved_checkpoints(saved_).at("train"), first);
  EXPECT_THAT(objects_of(saved_, first),
              UnorderedElementsAre(first, sha256_hex("1"), sha256_hex("2")));
  save("3");
  ASSERT_TRUE(snapshot({{"b", "2"}, {"c", "3"}}));
  EXPECT_EQ(saved_checkpoints(saved_).at("train"), last_);
  EXPECT_FALSE(is_there("1")) << "nothing names it any more";
  EXPECT_THAT(objects_of(saved_, first), IsEmpty());
}

TEST_F(SavedCheckpoints, RanksHaveTheirOwn) {
  save("1");
  ASSERT_TRUE(snapshot({{"a", "1"}}, "train"));
  save("2");
  ASSERT_TRUE(snapshot({{"b", "2"}}, "train@1"));
  ASSERT_TRUE(snapshot({{"b", "2"}}, "train@1"));
  EXPECT_EQ(saved_checkpoints(saved_).size(), 2u);
  EXPECT_TRUE(is_there("1"));
}

TEST_F(SavedCheckpoints, WhatIsInUseStays) {
  save("1");
  ASSERT_TRUE(snapshot({{"a", "1"}}));
  save("2");
  ASSERT_TRUE(snapshot({{"b", "2"}}, "train", {sha256_hex("1")}));
  EXPECT_TRUE(is_there("1")) << "another rank is still bringing it into its Pod";
  save("3");
  ASSERT_TRUE(snapshot({{"b", "3"}}));
  EXPECT_FALSE(is_there("1"));
}

TEST_F(SavedCheckpoints, ASnapshotOfWhatDidNotComeIsRefusedAndChangesNothing) {
  save("1");
  ASSERT_TRUE(snapshot({{"a", "1"}}));
  const std::string before = last_;
  const auto refused = snapshot({{"a", "1"}, {"b", "never came"}});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("has not been saved before it"));
  EXPECT_EQ(saved_checkpoints(saved_).at("train"), before);
  EXPECT_FALSE(save_snapshot(saved_, "train", files_.write("m", "no manifest"),
                             sha256_hex("no manifest"), {}));
  EXPECT_EQ(saved_checkpoints(saved_).at("train"), before);
}

TEST_F(SavedCheckpoints, OneThatIsNotWholeIsNone) {
  save("1");
  ASSERT_TRUE(snapshot({{"a", "1"}}));
  std::filesystem::remove(saved_object(saved_, sha256_hex("1")));
  EXPECT_THAT(saved_checkpoints(saved_), IsEmpty());
}

}  // namespace
}  // namespace scanflow::runtime
