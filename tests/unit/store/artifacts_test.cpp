#include "engine/store/artifacts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "tests/support/small_disk.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::store {
namespace {

namespace fs = std::filesystem;
using test::SmallDisk;
using test::TempDir;
using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

mode_t mode_of(const fs::path& path) {
  struct stat status {};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

ino_t inode_of(const fs::path& path) {
  struct stat status {};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  return status.st_ino;
}

class ArtifactsTest : public testing::Test {
 protected:
  Artifact put(const std::string& name) {
    auto artifact = store_.put(directory_ / name);
    EXPECT_TRUE(artifact) << artifact.error().message;
    return artifact.value_or(Artifact{});
  }
  std::string refusal(const std::string& name) {
    const auto artifact = store_.put(directory_ / name);
    return artifact ? "taken" : artifact.error().message;
  }
  bool nothing_half() const {
    return !fs::exists(directory_ / "state/tmp") || fs::is_empty(directory_ / "state/tmp");
  }

  TempDir directory_;
  Artifacts store_{directory_ / "state"};
};

TEST_F(ArtifactsTest, AFileIsTakenWithoutACopyAndReadOnly) {
  directory_.write("out", "abc");
  const ino_t inode = inode_of(directory_ / "out");
  const Artifact artifact = put("out");
  EXPECT_EQ(artifact.sha256, kAbc);
  EXPECT_EQ(artifact.bytes, 3u);
  EXPECT_FALSE(artifact.directory);
  EXPECT_EQ(artifact.path, directory_ / "state/objects/ba" / (kAbc + 2));
  EXPECT_EQ(test::read(artifact.path), "abc");
  EXPECT_EQ(inode_of(artifact.path), inode) << "copied";
  EXPECT_EQ(mode_of(artifact.path), 0444u);
  EXPECT_TRUE(fs::exists(directory_ / "out"));
  EXPECT_TRUE(store_.has(kAbc, false));
  EXPECT_FALSE(store_.has(kAbc, true));
  EXPECT_EQ(store_.find(kAbc, false).value().bytes, 3u);
  EXPECT_TRUE(store_.verify(artifact));
  EXPECT_TRUE(nothing_half());
}

TEST_F(ArtifactsTest, WhatWasThereBeforeWins) {
  directory_.write("a", "abc");
  directory_.write("b", "abc");
  const ino_t inode = inode_of(put("a").path);
  EXPECT_EQ(inode_of(put("b").path), inode);
}

TEST_F(ArtifactsTest, ExecutablesStayExecutableAndApart) {
  directory_.write("plain", "abc");
  directory_.write("tool", "abc");
  fs::permissions(directory_ / "tool", fs::perms::owner_all);
  const Artifact tool = put("tool"), plain = put("plain");
  EXPECT_EQ(tool.sha256, plain.sha256);
  EXPECT_EQ(mode_of(tool.path), 0555u);
  EXPECT_EQ(mode_of(plain.path), 0444u);
}

TEST_F(ArtifactsTest, AFileWithOtherNamesIsCopied) {
  directory_.write("out", "abc");
  fs::create_hard_link(directory_ / "out", directory_ / "other");
  const Artifact artifact = put("out");
  directory_.write("other", "changed");
  EXPECT_EQ(test::read(artifact.path), "abc");
  EXPECT_TRUE(nothing_half());
}

TEST_F(ArtifactsTest, ADirectoryIsAViewOfObjects) {
  directory_.write("set/images", "abc");
  directory_.write("set/deep/er/labels", "abc");
  directory_.write("set/empty_file", "");
  directory_.write("set/run.sh", "#!/bin/sh\n");
  fs::permissions(directory_ / "set/run.sh", fs::perms::owner_all);
  fs::create_directories(directory_ / "set/nothing");
  const Artifact artifact = put("set");
  EXPECT_TRUE(artifact.directory);
  EXPECT_EQ(artifact.bytes, 16u);
  EXPECT_EQ(test::read(artifact.path / "deep/er/labels"), "abc");
  EXPECT_EQ(inode_of(artifact.path / "images"), inode_of(artifact.path / "deep/er/labels"));
  EXPECT_EQ(inode_of(artifact.path / "images"), inode_of(store_.find(kAbc, false).value().path));
  EXPECT_EQ(mode_of(artifact.path / "run.sh"), 0555u);
  EXPECT_EQ(mode_of(artifact.path / "images"), 0444u);
  EXPECT_TRUE(fs::is_directory(artifact.path / "nothing"));
  EXPECT_EQ(store_.find(artifact.sha256, true).value().bytes, 16u);
  EXPECT_TRUE(store_.verify(artifact)) << store_.verify(artifact).error().message;
  EXPECT_TRUE(nothing_half());
}

TEST_F(ArtifactsTest, TheSameDirectoryIsTheSameArtifact) {
  for (const char* name : {"one/", "two/"}) {
    directory_.write(std::string(name) + "a", "1");
    directory_.write(std::string(name) + "b", "2");
  }
  directory_.write("three/a", "2");
  directory_.write("three/b", "1");
  const Artifact one = put("one"), two = put("two"), three = put("three");
  EXPECT_EQ(one.sha256, two.sha256);
  EXPECT_EQ(one.path, two.path);
  EXPECT_NE(one.sha256, three.sha256);
}

TEST_F(ArtifactsTest, AnEmptyDirectoryIsAnArtifactToo) {
  fs::create_directories(directory_ / "none");
  const Artifact artifact = put("none");
  EXPECT_EQ(artifact.bytes, 0u);
  EXPECT_TRUE(fs::is_empty(artifact.path));
  EXPECT_TRUE(store_.has(artifact.sha256, true));
}

TEST_F(ArtifactsTest, LinksAndSpecialFilesAreRefusedByName) {
  directory_.write("set/ok", "abc");
  fs::create_symlink("/etc/passwd", directory_ / "set/passwords");
  EXPECT_EQ(refusal("set"), "cannot store " + (directory_ / "set/passwords").string() +
                                ": it is a symbolic link; write the file itself in its place");
  EXPECT_EQ(test::read(directory_ / "set/ok"), "abc") << "nothing was taken";
  EXPECT_FALSE(store_.has(kAbc, false));

  fs::create_directory_symlink("/etc", directory_ / "link");
  EXPECT_THAT(refusal("link"), HasSubstr("link: it is a symbolic link"));
  ASSERT_EQ(::mkfifo((directory_ / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(refusal("pipe"), HasSubstr("pipe: it is neither a file nor a directory"));
  directory_.write("odd/two\nlines", "");
  EXPECT_THAT(refusal("odd"), HasSubstr("its name has a line break"));
  EXPECT_THAT(refusal("missing"), HasSubstr("No such file or directory"));
}

TEST_F(ArtifactsTest, WhatLiesInTheStoreIsNotTakenAgain) {
  directory_.write("out", "abc");
  const Artifact artifact = put("out");
  const auto again = store_.put(artifact.path);
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().message, HasSubstr("it lies in the artifact store already"));
  EXPECT_TRUE(store_.verify(artifact));
}

TEST_F(ArtifactsTest, VerifySeesAFlippedByte) {
  directory_.write("file", "abc");
  directory_.write("set/sub/x", "x marks");
  const Artifact file = put("file"), set = put("set");
  for (const fs::path& path : {file.path, set.path / "sub/x"}) {
    fs::permissions(path, fs::perms::owner_all);
    std::string bytes = test::read(path);
    bytes[1] ^= 1;
    test::write(path, bytes);
  }
  EXPECT_THAT(store_.verify(file).error().message,
              AllOf(HasSubstr("is damaged"), HasSubstr(file.path.string())));
  EXPECT_THAT(store_.verify(set).error().message, HasSubstr("sub/x has SHA-256"));
  EXPECT_TRUE(store_.has(file.sha256, false)) << "has() does not read";
}

TEST_F(ArtifactsTest, WhatLostAFileOrBytesIsNotThereAndIsMadeAnew) {
  const auto make = [&] {
    fs::remove_all(directory_ / "set");
    directory_.write("set/a", "abc");
    directory_.write("set/b", "def");
  };
  make();
  const Artifact set = put("set");
  fs::remove(set.path / "a");
  EXPECT_FALSE(store_.has(set.sha256, true));
  make();
  EXPECT_EQ(put("set").sha256, set.sha256);
  EXPECT_TRUE(store_.verify(set));

  fs::permissions(set.path / "b", fs::perms::owner_all);
  fs::resize_file(set.path / "b", 1);
  EXPECT_THAT(store_.find(set.sha256, true).error().message, HasSubstr("has 1 bytes, not 3"));
  make();
  put("set");
  EXPECT_TRUE(store_.verify(set)) << store_.verify(set).error().message;
  EXPECT_TRUE(nothing_half());
}

TEST_F(ArtifactsTest, DigestsAreCheckedBeforeTheyBecomePaths) {
  EXPECT_FALSE(store_.has("../../etc/passwd", false));
  EXPECT_FALSE(store_.has("", true));
  EXPECT_THAT(store_.find("..", true).error().message, HasSubstr("is no SHA-256"));
}

TEST_F(ArtifactsTest, TheSameContentFromManyThreadsAtOnce) {
  constexpr int kThreads = 4, kRounds = 25;
  for (int t = 0; t < kThreads; ++t) {
    for (int i = 0; i < kRounds; ++i) {
      const std::string name = std::to_string(t) + "-" + std::to_string(i);
      directory_.write("set" + name + "/x", std::to_string(i));
      directory_.write("set" + name + "/y", "same");
      directory_.write("file" + name, std::to_string(i));
    }
  }
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kRounds; ++i) {
          const std::string name = std::to_string(t) + "-" + std::to_string(i);
          for (const char* kind : {"set", "file"}) {
            const auto artifact = store_.put(directory_ / (kind + name));
            EXPECT_TRUE(artifact) << artifact.error().message;
            EXPECT_TRUE(artifact && store_.verify(*artifact));
          }
        }
      });
    }
  }
  EXPECT_TRUE(nothing_half());
}

TEST_F(ArtifactsTest, FromAnotherFileSystemItIsCopied) {
  SmallDisk disk("1m");
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a tmpfs";
  test::write(disk.path() / "file", "abc");
  test::write(disk.path() / "set/x", "abc");
  const auto file = store_.put(disk.path() / "file");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->sha256, kAbc);
  EXPECT_EQ(mode_of(file->path), 0444u);
  EXPECT_TRUE(fs::exists(disk.path() / "file"));
  const auto set = store_.put(disk.path() / "set");
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_TRUE(store_.verify(*set));
  EXPECT_TRUE(nothing_half());
}

TEST_F(ArtifactsTest, AFullDiskLeavesNothingHalf) {
  SmallDisk disk("1m");
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a tmpfs";
  Artifacts small(disk.path() / "artifacts");
  directory_.write("set/a", std::string(600'000, 'a'));
  directory_.write("set/b", std::string(600'000, 'b'));
  const auto set = small.put(directory_ / "set");
  ASSERT_FALSE(set);
  EXPECT_THAT(set.error().message, HasSubstr("No space left on device"));
  EXPECT_TRUE(fs::is_empty(disk.path() / "artifacts/tmp"));
  EXPECT_FALSE(fs::exists(disk.path() / "artifacts/trees"));
  EXPECT_EQ(fs::file_size(directory_ / "set/a"), 600'000u);
  EXPECT_EQ(fs::file_size(directory_ / "set/b"), 600'000u);
  ASSERT_TRUE(disk.remount(0, "size=4m"));
  const auto again = small.put(directory_ / "set");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(small.verify(*again));
}

// An engine that crashed had no time to say what the first put gave.
TEST_F(ArtifactsTest, PutAgainItIsTheSame) {
  directory_.write("file", "abc");
  directory_.write("set/a", "abc");
  directory_.write("set/b", "def");
  for (const char* name : {"file", "set"}) {
    const Artifact first = put(name), second = put(name);
    EXPECT_EQ(second.sha256, first.sha256);
    EXPECT_EQ(second.bytes, first.bytes);
    EXPECT_EQ(inode_of(second.path), inode_of(first.path));
    fs::remove_all(directory_ / name);
    EXPECT_TRUE(store_.verify(first)) << store_.verify(first).error().message;
  }
  EXPECT_TRUE(nothing_half());
}

TEST_F(ArtifactsTest, LeftoversOfACrashAreRemoved) {
  directory_.write("state/tmp/put-abcdef/tree/half", "ha");
  store_.remove_leftovers();
  EXPECT_TRUE(nothing_half());
}

TEST_F(ArtifactsTest, SyncedOnesAreTheSame) {
  Artifacts synced(directory_ / "synced", true);
  directory_.write("set/x", "abc");
  const auto set = synced.put(directory_ / "set");
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_TRUE(synced.verify(*set));
}

}  // namespace
}  // namespace scanflow::store
