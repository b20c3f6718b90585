// The spool: what was added is there until it is forgotten, also for the next process.
#include "sidecar/link/spool.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/support/temp_dir.hpp"

namespace scanflow::link {
namespace {

std::unique_ptr<Spool> opened(const test::TempDir& directory) {
  auto spool = Spool::open(directory.path() / "spool");
  EXPECT_TRUE(spool) << (spool ? "" : spool.error().message);
  return spool ? std::move(*spool) : nullptr;
}

TEST(Spool, GivesWhatWasAddedUntilItIsForgotten) {
  const test::TempDir directory;
  const auto spool = opened(directory);
  spool->add("one");
  spool->add("two");
  EXPECT_EQ(spool->first(), 1U);
  EXPECT_EQ(spool->end(), 3U);
  EXPECT_EQ(spool->read(2), "two");
  spool->forget(1);
  EXPECT_EQ(spool->first(), 2U);
  EXPECT_EQ(spool->bytes(), 3U);
  spool->forget(2);
  EXPECT_TRUE(spool->empty());
}

TEST(Spool, ItsSuccessorGoesOnWithTheSameNameAndNumbers) {
  const test::TempDir directory;
  std::string name;
  {
    const auto spool = opened(directory);
    name = spool->spool();
    for (const char* text : {"one", "two", "three"}) spool->add(text);
    spool->forget(1);
  }
  {
    const auto spool = opened(directory);
    EXPECT_EQ(spool->spool(), name);
    EXPECT_LE(spool->first(), 2U);  // told again: the hub knows that it has it
    EXPECT_EQ(spool->end(), 4U);
    EXPECT_EQ(spool->read(3), "three");
    spool->forget(3);
  }
  const auto spool = opened(directory);
  EXPECT_EQ(spool->first(), 4U);
  spool->add("four");
  EXPECT_EQ(spool->read(4), "four");
}

TEST(Spool, ARecordThatAKillHasCutOffIsForgotten) {
  const test::TempDir directory;
  {
    const auto spool = opened(directory);
    spool->add("whole");
    spool->add("cut off");
  }
  const auto file = directory.path() / "spool" / "00000000000000000001";
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 3);
  const auto spool = opened(directory);
  EXPECT_EQ(spool->end(), 2U);
  spool->add("next");
  EXPECT_EQ(spool->read(1), "whole");
  EXPECT_EQ(opened(directory)->read(2), "next");
}

TEST(Spool, TakesNoMoreOfTheDiskThanWhatWaits) {
  const test::TempDir directory;
  const auto spool = opened(directory);
  for (int i = 0; i < 40; ++i) {
    spool->add(std::string(std::size_t{512} << 10, 'x'));
    if (i >= 4) spool->forget(spool->first());
  }
  std::uintmax_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory.path() / "spool"))
    bytes += entry.file_size();
  EXPECT_LT(bytes, std::uintmax_t{5} << 20);
  EXPECT_EQ(spool->bytes(), std::size_t{2} << 20);
}

/// As small as this, for what this process writes; its end gives back what was.
class FileLimit {
 public:
  explicit FileLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit small{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
  }
  ~FileLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  FileLimit(const FileLimit&) = delete;
  FileLimit& operator=(const FileLimit&) = delete;

 private:
  rlimit before_{};
};

TEST(Spool, WhatTheDiskDoesNotTakeIsKeptInMemoryAndTheReasonSaid) {
  const test::TempDir directory;
  const auto spool = opened(directory);
  spool->add("small");
  {
    const FileLimit limit(100);
    spool->add(std::string(1000, 'b'));
    EXPECT_NE(spool->problem(), "");
    spool->add("after it");
  }
  EXPECT_EQ(spool->read(2), std::string(1000, 'b'));
  EXPECT_EQ(spool->read(3), "after it");
  spool->forget(3);
  spool->add("on the disk again");
  EXPECT_EQ(spool->problem(), "");
  const auto successor = opened(directory);
  EXPECT_EQ(successor->first(), 4U);
  EXPECT_EQ(successor->read(4), "on the disk again");
}

TEST(Spool, WhateverIsDoneWithItHoldsWhatAListWould) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    const test::TempDir directory;
    std::mt19937 random(seed);
    std::vector<std::string> all;
    std::uint64_t first = 1;
    auto spool = opened(directory);
    for (int i = 0; i < 300; ++i) {
      const std::uint32_t dice = random() % 10;
      if (dice < 6) {
        all.emplace_back(random() % 20000, static_cast<char>('a' + random() % 26));
        spool->add(all.back());
      } else if (dice < 9) {
        const std::uint64_t to = first + random() % 4;
        if (to >= spool->end()) continue;
        spool->forget(to);
        first = to + 1;
      } else {
        spool.reset();
        spool = opened(directory);
        spool->forget(first - 1);
      }
      ASSERT_EQ(spool->end(), all.size() + 1) << "seed " << seed;
      ASSERT_EQ(spool->first(), first) << "seed " << seed;
      for (std::uint64_t n = first; n < spool->end(); ++n)
        ASSERT_EQ(spool->read(n), all[n - 1]) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace scanflow::link
