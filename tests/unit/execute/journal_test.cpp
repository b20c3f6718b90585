#include "sidecar/execute/journal.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "tests/support/temp_dir.hpp"

namespace scanflow::execute {
namespace {

constexpr std::int64_t kNow = 1'800'000'000'000'000;
constexpr std::int64_t kHour = 3'600'000'000;

protocol::Command command(const std::string& id, std::uint64_t generation = 1) {
  protocol::Command made;
  made.id = id;
  made.generation = generation;
  made.target = {"r", "train[model=cnn1]", 2};
  made.primitive = "pause";
  made.arguments = R"({"for":"10s"})";
  made.deadline_us = 30'000'000;
  return made;
}

class JournalTest : public testing::Test {
 protected:
  std::filesystem::path file() const { return directory.path() / "j" / "commands"; }
  std::unique_ptr<Journal> opened(std::int64_t now_us = kNow) const {
    auto journal = Journal::open(file(), now_us);
    EXPECT_TRUE(journal) << (journal ? "" : journal.error().message);
    return journal ? std::move(*journal) : nullptr;
  }
  test::TempDir directory;
};

TEST_F(JournalTest, TellsASuccessorWhatWasReceivedAndWhatWasStarted) {
  {
    const auto journal = opened();
    ASSERT_TRUE(journal->received(command("a", 3), kNow));
    ASSERT_TRUE(journal->received(command("b", 2), kNow));
    ASSERT_TRUE(journal->received(command("c"), kNow));
    ASSERT_TRUE(journal->received(command("d"), kNow));
    ASSERT_TRUE(journal->started("c"));
    ASSERT_TRUE(journal->started("d"));
    ASSERT_TRUE(journal->ended("d"));
  }
  const auto journal = opened(kNow + 10'000'000);
  const Journal::Left left = journal->take_left();
  ASSERT_EQ(left.received.size(), 2U);
  EXPECT_EQ(left.received[0].id, "b") << "not in the order of their generations";
  EXPECT_EQ(left.received[0].deadline_us, 20'000'000);
  EXPECT_EQ(left.received[0].target, command("b").target);
  EXPECT_EQ(left.received[0].arguments, command("b").arguments);
  ASSERT_EQ(left.started.size(), 1U);
  EXPECT_EQ(left.started[0].id, "c");
  for (const char* id : {"a", "b", "c", "d"}) EXPECT_TRUE(journal->knows(id)) << id;
  EXPECT_FALSE(journal->knows("e"));
}

TEST_F(JournalTest, RemembersWhatIsHeld) {
  const protocol::AttemptId one{"r", "one", 1}, two{"r", "two", 1};
  {
    const auto journal = opened();
    ASSERT_TRUE(journal->holds(one, true));
    ASSERT_TRUE(journal->holds(two, true));
    ASSERT_TRUE(journal->holds(two, true));
    ASSERT_TRUE(journal->holds(one, false));
  }
  EXPECT_EQ(opened()->take_left().held, std::set<protocol::AttemptId>{two});
}

TEST_F(JournalTest, ALineThatAKillHasCutOffIsNothing) {
  {
    const auto journal = opened();
    ASSERT_TRUE(journal->received(command("a"), kNow));
    ASSERT_TRUE(journal->received(command("b"), kNow));
  }
  std::filesystem::resize_file(file(), std::filesystem::file_size(file()) - 5);
  std::ofstream(file(), std::ios::app) << "\n[1]\n{\"journal\": \"held\"}\n";
  const auto journal = opened();
  EXPECT_TRUE(journal->knows("a"));
  EXPECT_FALSE(journal->knows("b"));
}

TEST_F(JournalTest, ForgetsWhatNobodyWillSendAgain) {
  {
    const auto journal = opened();
    for (int i = 0; i < 5'000; ++i) {
      const std::string id = "c" + std::to_string(i);
      const std::int64_t now_us = kNow + i * kHour / 100;
      ASSERT_TRUE(journal->received(command(id), now_us));
      ASSERT_TRUE(journal->ended(id));
    }
    EXPECT_TRUE(journal->knows("c4999"));
  }
  EXPECT_LT(std::filesystem::file_size(file()), std::uintmax_t{3} << 19) << "it grows for ever";
  EXPECT_FALSE(opened(kNow + 52 * kHour)->knows("c0"));
  EXPECT_LT(std::filesystem::file_size(file()), std::uintmax_t{1} << 10);
}

TEST_F(JournalTest, SaysThatItCannotBeWritten) {
  std::filesystem::create_directories(file());
  const auto journal = Journal::open(file(), kNow);
  ASSERT_FALSE(journal);
  EXPECT_NE(journal.error().message.find(file().string()), std::string::npos);
}

}  // namespace
}  // namespace scanflow::execute
