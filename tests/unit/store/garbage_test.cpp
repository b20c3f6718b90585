// Artifacts that nothing refers to any more.
#include "engine/store/garbage.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <thread>

#include "sdk/base/clock.hpp"
#include "tests/support/small_disk.hpp"
#include "tests/unit/store/store_fixture.hpp"

namespace scanflow::store {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Whatever was put until then is old.
constexpr std::int64_t kAlways = std::int64_t{1} << 60;

class GarbageTest : public StoreFixture {
 protected:
  Artifact put(const std::string& name) {
    auto artifact = put_away(artifacts_, directory_ / name);
    EXPECT_TRUE(artifact) << artifact.error().message;
    return artifact.value_or(Artifact{});
  }
  /// What was put is removed, as its owner does once the result is noted.
  static Result<Artifact> put_away(Artifacts artifacts, const fs::path& source) {
    auto artifact = artifacts.put(source);
    fs::remove_all(source);
    return artifact;
  }
  Artifact put_file(const std::string& content) {
    directory_.write("out", content);
    return put("out");
  }
  Artifact put_tree(const std::map<std::string, std::string>& files) {
    for (const auto& [name, content] : files) directory_.write("set/" + name, content);
    return put("set");
  }
  /// A finished run whose step refers to it.
  void refer(const std::string& run, const Artifact& artifact) {
    ASSERT_TRUE(
        commit({.runs = {{.id = run, .ended_us = 1}},
                .steps = {{.run = run,
                           .id = "s",
                           .artifacts = R"({"a":{"sha256":")" + artifact.sha256 + "\"}}"}}}));
  }
  Garbage collect(std::int64_t older_than_us = kAlways) {
    const auto garbage = collect_garbage(*store_, artifacts_, older_than_us);
    EXPECT_TRUE(garbage) << garbage.error().message;
    return garbage.value_or(Garbage{});
  }
  bool has(const Artifact& artifact) const {
    return artifacts_.has(artifact.sha256, artifact.directory);
  }
  static std::string counts(const Garbage& garbage) {
    return std::to_string(garbage.files) + " files, " + std::to_string(garbage.directories) +
           " directories, " + std::to_string(garbage.bytes) + " bytes";
  }
  /// Files below the store of artifacts.
  std::vector<std::string> files() const {
    std::vector<std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(directory_ / "artifacts")) {
      if (entry.is_regular_file()) {
        all.push_back(entry.path().lexically_relative(directory_ / "artifacts").string());
      }
    }
    return all;
  }
  /// Makes it look as if it had been put then.
  void age(const Artifact& artifact, std::int64_t time_us) {
    fs::path path = artifact.path;
    if (artifact.directory) {
      path = directory_ / "artifacts/manifests" / artifact.sha256.substr(0, 2) /
             artifact.sha256.substr(2);
    }
    const timespec time{time_us / 1'000'000, time_us % 1'000'000 * 1000};
    const timespec times[2] = {time, time};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }

  Artifacts artifacts_{directory_ / "artifacts"};
};

TEST_F(GarbageTest, WhatNothingRefersToIsRemovedAndTheRestStays) {
  const Artifact kept = put_file("kept"), left = put_file("left"),
                 tree = put_tree({{"a", "in the tree"}}),
                 set = put_tree({{"a", "1"}, {"d/b", "22"}});
  refer("r", kept);
  refer("s", set);
  EXPECT_EQ(counts(collect()), "2 files, 1 directories, 15 bytes");
  EXPECT_TRUE(has(kept));
  EXPECT_TRUE(artifacts_.verify(set));
  EXPECT_FALSE(has(left));
  EXPECT_FALSE(has(tree));
  EXPECT_FALSE(fs::exists(tree.path));
  EXPECT_EQ(counts(collect()), "0 files, 0 directories, 0 bytes");
  EXPECT_EQ(files().size(), 1u + 2 * 2 + 1) << "nothing else lies there";
}

TEST_F(GarbageTest, WithTheLastRunThatRefersToItAnArtifactGoes) {
  const Artifact shared = put_file("shared"), own = put_file("own");
  refer("a", shared);
  refer("b", shared);
  refer("c", own);
  ASSERT_TRUE(store_->delete_runs({"a", "c"}));
  EXPECT_EQ(counts(collect()), "1 files, 0 directories, 3 bytes");
  EXPECT_TRUE(has(shared));
  ASSERT_TRUE(store_->delete_runs({"b"}));
  EXPECT_EQ(counts(collect()), "1 files, 0 directories, 6 bytes");
}

TEST_F(GarbageTest, CacheAndModelsKeepTheirs) {
  const Artifact cached = put_file("cached"), model = put_tree({{"weights", "w"}});
  ASSERT_TRUE(commit({.cache = {{.key = "k",
                                 .time_us = 5,
                                 .artifacts = R"({"a":{"sha256":")" + cached.sha256 + "\"}}"}}}));
  ASSERT_TRUE(store_->register_model({.name = "cnn", .sha256 = model.sha256, .run = "gone"}));
  EXPECT_EQ(counts(collect()), "0 files, 0 directories, 0 bytes");
  EXPECT_EQ(store_->expire_cache(6).value(), 1u);
  EXPECT_EQ(counts(collect()), "1 files, 0 directories, 6 bytes");
  EXPECT_TRUE(artifacts_.verify(model));
}

TEST_F(GarbageTest, WhatAnUnfinishedRunRecordedStays) {
  const Artifact artifact = put_file("in an event only");
  ASSERT_TRUE(commit({.events = {{"r", 1, 1, "{}"}, {"r", 2, 1, '"' + artifact.sha256 + '"'}},
                      .runs = {{.id = "r"}}}));
  collect();
  EXPECT_TRUE(has(artifact));
}

// A tree and an object share a file; who refers to one does not keep the other.
TEST_F(GarbageTest, FilesThatTreesShareStayAsLongAsOneOfThemDoes) {
  const Artifact both = put_file("in both"), one = put_tree({{"x", "in both"}, {"y", "only one"}}),
                 two = put_tree({{"z", "in both"}});
  refer("one", one);
  EXPECT_EQ(counts(collect()), "0 files, 1 directories, 0 bytes") << "of two, freeing nothing";
  EXPECT_FALSE(has(two));
  EXPECT_TRUE(artifacts_.verify(one));
  EXPECT_TRUE(has(both)) << "it costs nothing";
  ASSERT_TRUE(store_->delete_runs({"one"}));
  refer("file", both);
  EXPECT_EQ(counts(collect()), "1 files, 1 directories, 8 bytes");
  EXPECT_TRUE(artifacts_.verify(both));
}

TEST_F(GarbageTest, ExecutablesAreFilesOfTheirOwn) {
  const Artifact plain = put_file("#!/bin/sh");
  directory_.write("tool", "#!/bin/sh");
  fs::permissions(directory_ / "tool", fs::perms::owner_all);
  const Artifact tool = put("tool");
  refer("r", tool);
  collect();
  EXPECT_TRUE(fs::exists(tool.path));
  ASSERT_TRUE(store_->delete_runs({"r"}));
  EXPECT_EQ(counts(collect()), "2 files, 0 directories, 18 bytes");
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(GarbageTest, TheYoungAreSafe) {
  const Artifact file = put_file("file"), set = put_tree({{"a", "1"}});
  age(file, 5'000'000);
  age(set, 7'000'000);
  EXPECT_EQ(counts(collect(5'000'000)), "0 files, 0 directories, 0 bytes") << "not older";
  EXPECT_EQ(counts(collect(5'000'001)), "1 files, 0 directories, 4 bytes");
  EXPECT_EQ(counts(collect(7'000'000)), "0 files, 0 directories, 0 bytes");
  EXPECT_EQ(collect(7'000'001).directories, 1u);
}

TEST_F(GarbageTest, ItsAgeCountsFromThePutWhateverTheFileSaysOfItself) {
  directory_.write("old", "written long ago");
  fs::last_write_time(directory_ / "old", fs::file_time_type::clock::now() - std::chrono::hours(9));
  const std::int64_t before_us = wall_us() - 1'000'000;  // the kernel's clock of files is coarser
  const Artifact old = put("old");
  collect(before_us);
  EXPECT_TRUE(has(old));
}

TEST_F(GarbageTest, WhatIsPutAgainOrTouchedIsYoungAgain) {
  const std::int64_t before_us = wall_us() - 1'000'000;
  std::vector<Artifact> all{put_file("again"), put_tree({{"a", "again in a set"}}),
                            put_file("touched"), put_tree({{"a", "touched in a set"}})};
  const Artifact forgotten = put_file("forgotten");
  for (const Artifact& each : all) age(each, 1);
  age(forgotten, 1);
  put_file("again");
  put_tree({{"a", "again in a set"}});
  EXPECT_TRUE(artifacts_.touch(all[2].sha256, false));
  EXPECT_TRUE(artifacts_.touch(all[3].sha256, true));
  collect(before_us);
  for (const Artifact& each : all) EXPECT_TRUE(artifacts_.verify(each)) << each.path;
  EXPECT_FALSE(has(forgotten));
  EXPECT_FALSE(artifacts_.touch(forgotten.sha256, false)) << "nothing is there to touch";
  EXPECT_FALSE(artifacts_.touch(forgotten.sha256, true));
  EXPECT_FALSE(artifacts_.touch("../../etc/passwd", false));
}

TEST_F(GarbageTest, WhatWasCollectedCanBePutAgain) {
  const Artifact set = put_tree({{"a", "1"}, {"b/c", "2"}});
  collect();
  EXPECT_FALSE(has(set));
  EXPECT_EQ(put_tree({{"a", "1"}, {"b/c", "2"}}).sha256, set.sha256);
  EXPECT_TRUE(artifacts_.verify(set));
}

TEST_F(GarbageTest, WhatAKilledCollectionLeftIsFinishedByTheNext) {
  const Artifact half = put_tree({{"a", "half"}}), bare = put_tree({{"a", "bare"}}),
                 lone = put_tree({{"a", "lone"}}), back = put_tree({{"a", "back"}});
  const auto manifest = [&](const Artifact& tree) {
    return directory_ / "artifacts/manifests" / tree.sha256.substr(0, 2) / tree.sha256.substr(2);
  };
  fs::rename(half.path, half.path.string() + ".gone");  // killed before its manifest went
  fs::rename(bare.path, bare.path.string() + ".gone");  // ... or after that
  fs::remove(manifest(bare));
  fs::remove(manifest(lone));                           // this is damage
  fs::rename(back.path, back.path.string() + ".gone");  // ... and it was put again meanwhile
  put_tree({{"a", "back"}});
  refer("r", back);
  EXPECT_EQ(counts(collect()), "3 files, 4 directories, 12 bytes");
  EXPECT_TRUE(artifacts_.verify(back));
  EXPECT_EQ(files().size(), 3u) << "object, tree and manifest";
}

TEST_F(GarbageTest, WhatIsNotOursIsLeftAlone) {
  put_file("x");
  for (const char* name : {"objects/README", "objects/ab/README", "trees/ab/README/x", "note"}) {
    directory_.write(std::string("artifacts/") + name, "mine");
  }
  EXPECT_EQ(counts(collect()), "1 files, 0 directories, 1 bytes");
  EXPECT_EQ(files().size(), 4u);
}

TEST_F(GarbageTest, WithoutArtifactsThereIsNothingToDo) {
  EXPECT_EQ(counts(collect()), "0 files, 0 directories, 0 bytes");
  EXPECT_FALSE(fs::exists(directory_ / "artifacts"));
}

TEST_F(GarbageTest, OnAFullDiskItMakesSpace) {
  const test::SmallDisk disk("1m");
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a tmpfs";
  const Artifacts small(disk.path() / "artifacts");
  test::write(disk.path() / "set/a", std::string(300'000, 'a'));
  const auto set = put_away(Artifacts(disk.path() / "artifacts"), disk.path() / "set");
  ASSERT_TRUE(set) << set.error().message;
  std::ofstream ballast(disk.path() / "ballast");
  while (ballast << std::string(4096, 'x') && ballast.flush()) {
  }
  ASSERT_EQ(fs::space(disk.path()).available, 0u);
  const auto garbage = collect_garbage(*store_, small, kAlways);
  ASSERT_TRUE(garbage) << garbage.error().message;
  EXPECT_EQ(garbage->bytes, 300'000u);
  EXPECT_GE(fs::space(disk.path()).available, 300'000u);
}

TEST_F(GarbageTest, WhatCannotBeRemovedIsSaid) {
  const test::SmallDisk disk("1m");
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a tmpfs";
  test::write(disk.path() / "out", "x");
  const auto file = put_away(Artifacts(disk.path() / "artifacts"), disk.path() / "out");
  ASSERT_TRUE(disk.remount(MS_RDONLY, ""));
  const auto garbage = collect_garbage(*store_, Artifacts(disk.path() / "artifacts"), kAlways);
  ASSERT_TRUE(disk.remount(0, ""));
  ASSERT_FALSE(garbage);
  EXPECT_THAT(garbage.error().message, HasSubstr("cannot remove " + file->path.string()));
  EXPECT_THAT(garbage.error().message, HasSubstr("Read-only file system"));
}

// Threads put the same few contents again and again, each of which is old and without a reference
// whenever a collection looks. What put() and touch() have said is there must be there until it is
// old again.
TEST_F(GarbageTest, WhatIsPutBesideACollectionIsThere) {
  constexpr int kRounds = 150;
  std::atomic<bool> over{false};
  const std::int64_t start_us = wall_us() - 1'000'000;
  std::jthread collector([&] {
    while (!over) {
      const auto garbage = artifacts_.remove_unreferenced({}, start_us);
      EXPECT_TRUE(garbage) << garbage.error().message;
    }
  });
  {
    std::vector<std::jthread> putters;
    for (int t = 0; t < 2; ++t) {
      putters.emplace_back([&, t] {
        const std::string name = "t" + std::to_string(t);
        for (int i = 0; i < kRounds; ++i) {
          const std::string content = std::to_string(t) + std::to_string(i % 3);
          directory_.write(name + "/file", content);
          directory_.write(name + "/set/a", content);
          directory_.write(name + "/set/b", "b" + content);
          for (const char* what : {"/file", "/set"}) {
            const auto artifact = put_away(artifacts_, directory_ / (name + what));
            ASSERT_TRUE(artifact) << artifact.error().message;
            const auto whole = artifacts_.verify(*artifact);
            ASSERT_TRUE(whole) << whole.error().message;
            age(*artifact, 1);
            if (!artifacts_.touch(artifact->sha256, artifact->directory)) continue;
            const auto still_whole = artifacts_.verify(*artifact);
            ASSERT_TRUE(still_whole) << still_whole.error().message;
            age(*artifact, 1);
          }
        }
      });
    }
  }
  over = true;
}

TEST_F(GarbageTest, KilledInTheMiddleWhatIsReferredToIsWhole) {
  constexpr int kEach = 40;
  std::vector<Artifact> kept, left;
  for (int i = 0; i < kEach; ++i) {
    const std::string text = std::to_string(i);
    for (auto* which : {&kept, &left}) {
      const std::string own = (which == &kept ? "k" : "l") + text;
      which->push_back(put_tree({{"shared", text}, {"own", own}, {"deep/own", own + own}}));
      which->push_back(put_file("file" + own));
    }
  }
  for (const Artifact& each : kept) refer(each.sha256, each);
  const auto gone = [&] {
    return std::count_if(left.begin(), left.end(),
                         [&](const Artifact& each) { return !has(each); });
  };
  const auto referenced = store_->referenced_artifacts().value();
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    (void)artifacts_.remove_unreferenced(referenced, kAlways);
    ::pause();
    ::_exit(1);
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(50);
  while (gone() == 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ASSERT_GT(gone(), 0);
  for (const Artifact& each : kept) ASSERT_TRUE(artifacts_.verify(each)) << each.path;
  collect();
  EXPECT_EQ(gone(), 2 * kEach);
  for (const Artifact& each : kept) ASSERT_TRUE(artifacts_.verify(each)) << each.path;
  // Of each pair kept: a file; a tree with its manifest and the three objects it shares.
  EXPECT_EQ(files().size(), static_cast<std::size_t>(kEach) * (1 + 3 + 1 + 3));
}

TEST_F(GarbageTest, DirectoriesOfRunsThatAreNotThereAreRemovedWhenTheyAreOld) {
  ASSERT_TRUE(commit({.runs = {{.id = "there"}}}));
  for (const char* run : {"there", "deleted", "young"}) {
    directory_.write("runs/" + std::string(run) + "/logs/0.log", "text");
  }
  const auto now = fs::file_time_type::clock::now();
  for (const char* run : {"there", "deleted"}) {
    fs::last_write_time(directory_ / "runs" / run, now - std::chrono::hours(2));
  }
  const std::int64_t older_than_us = wall_us() - 3'600'000'000;
  EXPECT_THAT(collect_run_directories(*store_, directory_ / "runs", older_than_us).value(),
              ElementsAre("deleted"));
  EXPECT_FALSE(fs::exists(directory_ / "runs/deleted"));
  EXPECT_TRUE(fs::exists(directory_ / "runs/there/logs/0.log"));
  EXPECT_TRUE(fs::exists(directory_ / "runs/young/logs/0.log"));
  EXPECT_THAT(collect_run_directories(*store_, directory_ / "absent", older_than_us).value(),
              IsEmpty());
}

}  // namespace
}  // namespace scanflow::store
