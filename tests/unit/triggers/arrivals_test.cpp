// Arrivals: each file once when it is complete, over restarts, however many there are.
#include "plugins/triggers/file/arrivals.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "plugins/common/random.hpp"

namespace scanflow::triggers {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::int64_t kLookUs = 1'000'000;  // between looks

/// A directory as a file system keeps it, and what looks at it: its state is read anew at each look, as after a restart.
struct Directory {
  ArrivalLaw law;
  bool has_births = true;
  std::map<std::string, FileEntry> files;
  std::int64_t now_us = 1'700'000'000'000'000;
  std::string state;
  bool more = false;

  std::int64_t tick() { return 1000 * (now_us += 100); }
  void create(const std::string& name, std::uint64_t bytes = 1) {
    const std::int64_t at_ns = tick();
    files[name] = {name, bytes, inode(), at_ns, at_ns, has_births ? at_ns : 0};
  }
  /// From elsewhere on the same file system: mtime and birth are old.
  void move_in(const std::string& name) {
    const std::int64_t at_ns = tick();
    const std::int64_t old_ns = 1'000'000'000 + static_cast<std::int64_t>(++moved_);
    files[name] = {name, 7, inode(), old_ns, at_ns, has_births ? old_ns : 0};
  }
  void append(const std::string& name) {
    FileEntry& file = files.at(name);
    file.modified_ns = file.changed_ns = tick();
    ++file.bytes;
  }
  void chmod(const std::string& name) { files.at(name).changed_ns = tick(); }
  void remove(const std::string& name) {
    free_.push_back(files.at(name).inode);
    files.erase(name);
  }
  std::vector<std::string> look() {
    Arrivals arrivals = Arrivals::read(state);
    std::vector<FileEntry> present;
    for (const auto& [name, file] : files) present.push_back(file);
    std::vector<std::string> names;
    for (const auto& file : arrivals.take(law, present, now_us)) names.push_back(file.name);
    more = arrivals.has_more();
    state = arrivals.text();
    EXPECT_LT(state.size(), 64U << 10);
    return names;
  }
  std::vector<std::string> look_after(std::int64_t wait_us) {
    now_us += wait_us;
    return look();
  }

 private:
  /// Of a file that is gone, where there is one: as ext4 does.
  std::uint64_t inode() {
    if (free_.empty()) return ++inodes_;
    const std::uint64_t number = free_.back();
    free_.pop_back();
    return number;
  }
  std::uint64_t inodes_ = 10, moved_ = 0;
  std::vector<std::uint64_t> free_;
};

TEST(Arrivals, AFileIsToldOfOnceWhenItIsUnchangedForSoLong) {
  Directory in;
  in.create("old");
  EXPECT_THAT(in.look(), IsEmpty()) << "it was there before";
  in.create("a");
  EXPECT_THAT(in.look(), IsEmpty());
  EXPECT_THAT(in.look_after(kLookUs), IsEmpty());
  in.append("a");
  EXPECT_THAT(in.look_after(kLookUs), IsEmpty()) << "it is being written";
  EXPECT_THAT(in.look_after(kLookUs), IsEmpty());
  EXPECT_THAT(in.look_after(kLookUs), ElementsAre("a"));
  EXPECT_THAT(in.look_after(kLookUs), IsEmpty());
  in.append("a");
  in.chmod("old");
  EXPECT_THAT(in.look_after(kLookUs), IsEmpty());
  EXPECT_THAT(in.look_after(9 * kLookUs), IsEmpty()) << "it has arrived already";
}

TEST(Arrivals, ByWhateverNameTimeOrNumberItComes) {
  for (const bool has_births : {true, false}) {
    Directory in;
    in.has_births = has_births;
    in.law.settle_us = 0;
    in.create("a");
    in.look();
    in.move_in("b");
    EXPECT_THAT(in.look(), ElementsAre("b")) << "its mtime is years ago";
    in.remove("b");
    in.look();
    in.create("b");
    EXPECT_THAT(in.look(), ElementsAre("b")) << "of the same inode number, after it was gone";
    in.remove("b");
    in.create("b");
    EXPECT_EQ(in.look().size(), has_births ? 1U : 0U) << "between two looks: its birth tells";
    in.create("c");
    in.files["b"] = in.files.at("c");
    in.files["b"].name = "b";
    in.files.erase("c");
    in.chmod("b");
    EXPECT_THAT(in.look(), ElementsAre("b")) << "renamed over it";
  }
}

TEST(Arrivals, ChangesAreToldOfTouchesAreNot) {
  Directory in;
  in.law.changes = true;
  in.create("a");
  EXPECT_THAT(in.look(), IsEmpty());
  in.chmod("a");
  EXPECT_THAT(in.look_after(kLookUs), IsEmpty());
  EXPECT_THAT(in.look_after(5 * kLookUs), IsEmpty()) << "its size and mtime are as they were";
  in.append("a");
  EXPECT_THAT(in.look_after(kLookUs), IsEmpty());
  EXPECT_THAT(in.look_after(2 * kLookUs), ElementsAre("a"));
  EXPECT_THAT(in.look_after(2 * kLookUs), IsEmpty());
}

TEST(Arrivals, WhatIsGoneForAWhileHasNotArrivedAgain) {
  Directory in;
  in.law.settle_us = 0;
  in.look();
  in.create("a");
  EXPECT_THAT(in.look(), ElementsAre("a"));
  const auto mounted = std::exchange(in.files, {});
  EXPECT_THAT(in.look(), IsEmpty());
  in.files = mounted;
  EXPECT_THAT(in.look(), IsEmpty());
}

TEST(Arrivals, ADirectoryThatIsMissingLosesNothing) {
  Directory in;
  in.law.settle_us = 0;
  Arrivals arrivals;
  arrivals.miss(5);
  arrivals = Arrivals::read(arrivals.text());
  arrivals.miss(6);
  EXPECT_EQ(arrivals.missing_since_us(), 5);
  in.state = arrivals.text();
  in.create("a");
  EXPECT_THAT(in.look(), ElementsAre("a")) << "it came with its directory";
  EXPECT_EQ(Arrivals::read(in.state).missing_since_us(), 0);
}

TEST(Arrivals, SoManyAtATimeTheLongestUnchangedFirst) {
  Directory in;
  in.law.most = 2;
  in.law.existing = true;
  for (const char* name : {"e", "d", "c", "b", "a"}) in.create(name);
  EXPECT_THAT(in.look(), IsEmpty());
  EXPECT_THAT(in.look_after(2 * kLookUs), ElementsAre("e", "d"));
  EXPECT_TRUE(in.more);
  EXPECT_THAT(in.look(), ElementsAre("c", "b"));
  EXPECT_TRUE(in.more);
  EXPECT_THAT(in.look(), ElementsAre("a"));
  EXPECT_FALSE(in.more);
  in.law.most_bytes = 220;
  in.law.most = 100;
  for (const char* name : {"x", "y", "z"}) in.create(name);
  in.look();
  EXPECT_THAT(in.look_after(2 * kLookUs), ElementsAre("x", "y")) << "by their bytes";
}

TEST(Arrivals, AClockThatIsSetBackDelaysNothingForLong) {
  Directory in;
  in.look();
  in.create("a");
  in.look();
  in.now_us -= 3'600 * kLookUs;
  EXPECT_THAT(in.look(), IsEmpty());
  EXPECT_THAT(in.look_after(2 * kLookUs), ElementsAre("a"));
}

TEST(Arrivals, OfTwentyThousandEachIsToldOfOnce) {
  for (const bool existing : {true, false}) {
    Directory in;
    in.law.existing = existing;
    in.law.most = 1000;
    for (int i = 0; i < 12'000; ++i) in.move_in("old" + std::to_string(i));
    std::multiset<std::string> told;
    const auto look = [&] {
      in.now_us += kLookUs;
      const auto names = in.look();
      told.insert(names.begin(), names.end());
    };
    look();
    for (int i = 0; i < 8000; ++i) {
      in.create("new" + std::to_string(i));
      if (i % 800 == 0) look();
    }
    const std::size_t all = existing ? 20'000 : 8000;
    for (int i = 0; i < 60 && told.size() < all; ++i) look();
    look();
    EXPECT_EQ(told.size(), all);
    for (const auto& name : told) EXPECT_EQ(told.count(name), 1U) << name;
    EXPECT_EQ(told.count("old7"), existing ? 1U : 0U);
  }
}

TEST(Arrivals, OneThatIsNeverCompleteHoldsUpNoneButWhatThereIsNoRoomFor) {
  Directory in;
  in.law.most = 1000;
  in.law.settle_us = 0;
  in.look();
  in.create("a");
  in.law.settle_us = 3'600 * kLookUs;  // for this one alone
  in.look();
  in.law.settle_us = 0;
  std::multiset<std::string> told;
  // Each look `a` was appended to just now, as far as its size says, but its ctime stays behind: the worst there is.
  for (int i = 0; i < 90; ++i) {
    for (int k = 0; k < 100; ++k) in.create("f" + std::to_string(100 * i + k));
    in.law.settle_us = kLookUs;
    ++in.files.at("a").bytes;
    for (const auto& name : in.look_after(kLookUs)) told.insert(name);
  }
  EXPECT_GE(told.size(), Arrivals::kMostKnown - 100);
  EXPECT_EQ(told.count("a"), 0U);
  for (int i = 0; i < 50; ++i)
    for (const auto& name : in.look_after(kLookUs)) told.insert(name);
  EXPECT_EQ(told.size(), 9001U) << "all, when it is complete";
  for (const auto& name : told) ASSERT_EQ(told.count(name), 1U) << name;
}

TEST(Arrivals, WhateverHappensToFilesEachIsToldOfOnce) {
  for (const std::uint64_t seed : {1, 2, 3, 4}) {
    data::Random random(seed);
    Directory in;
    in.law.most = 5;
    in.look();
    std::map<std::string, std::int64_t> untold;  // since when unchanged, of those that are there
    std::set<std::string> done;
    for (int step = 0; step < 3000; ++step) {
      const std::string name = "f" + std::to_string(random.below(12));
      const bool there = in.files.contains(name);
      switch (random.below(6)) {
        case 0:
        case 1:
          if (there) break;
          random.below(2) == 0 ? in.create(name) : in.move_in(name);
          done.erase(name);
          untold[name] = in.now_us;
          break;
        case 2:
          if (!there) break;
          in.append(name);
          if (untold.contains(name)) untold[name] = in.now_us;
          break;
        case 3:
          if (there) in.chmod(name);
          break;
        case 4:
          if (!there || random.below(3) != 0) break;
          in.remove(name);
          untold.erase(name);
          break;
        default:
          for (const auto& told :
               in.look_after(static_cast<std::int64_t>(random.below(3'000'000)))) {
            ASSERT_TRUE(untold.contains(told)) << told << " again, seed " << seed << ", " << step;
            ASSERT_GE(in.now_us - untold[told], in.law.settle_us) << told;
            untold.erase(told);
          }
      }
    }
    in.look();
    for (int i = 0; i < 5; ++i)
      for (const auto& told : in.look_after(2 * kLookUs)) {
        ASSERT_TRUE(untold.contains(told)) << told;
        untold.erase(told);
      }
    EXPECT_THAT(untold, IsEmpty()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace scanflow::triggers
