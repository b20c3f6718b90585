#include "engine/kube/log_lines.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <random>
#include <vector>

namespace scanflow::kube {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class LogLinesTest : public testing::Test {
 protected:
  /// "2026-07-01T03:00:SS.NNNNNNNNNZ text".
  static std::string line(int second, int nanoseconds, const std::string& text) {
    return fmt::format("2026-07-01T03:00:{:02}.{:09}Z {}\n", second, nanoseconds, text);
  }
  std::vector<std::string> got_;
  std::size_t longest_ = 0;
  bool within_ = false;  // a line
  LogLines lines_{[this](const LogLine& line) {
    if (!within_) got_.emplace_back();
    got_.back() += line.text;
    within_ = line.goes_on;
    longest_ = std::max(longest_, line.text.size());
  }};
};

TEST_F(LogLinesTest, TimesAreTakenOff) {
  lines_.add(line(1, 5, "one") + line(1, 6, "") + line(2, 0, " two words"));
  lines_.add("failed to watch the file\n");
  EXPECT_THAT(got_, ElementsAre("one", "", " two words", "failed to watch the file"));
  EXPECT_EQ(lines_.since(), "2026-07-01T03:00:02Z");
}

TEST_F(LogLinesTest, PiecesMayEndAnywhere) {
  for (const char c : line(1, 5, "one") + line(1, 6, "two")) lines_.add({&c, 1});
  EXPECT_THAT(got_, ElementsAre("one", "two"));
}

TEST_F(LogLinesTest, TheLastLineMayLackItsBreak) {
  lines_.add(line(1, 5, "one") + "2026-07-01T03:00:01.000000006Z tw");
  EXPECT_THAT(got_, ElementsAre("one"));
  lines_.end();
  EXPECT_THAT(got_, ElementsAre("one", "tw"));
  lines_.end();
  EXPECT_EQ(got_.size(), 2u);
}

TEST_F(LogLinesTest, WhatComesAgainIsPassedOver) {
  const std::string all = line(1, 1, "a") + line(1, 2'000, "b") + line(1, 2'000, "c") +
                          line(1, 2'000, "d") + line(2, 0, "e");
  lines_.add(line(1, 1, "a") + line(1, 2'000, "b") + line(1, 2'000, "c") + "2026-07-01T03:00:0");
  lines_.begin_again();
  EXPECT_EQ(lines_.since(), "2026-07-01T03:00:01Z");
  lines_.add(all);
  EXPECT_THAT(got_, ElementsAre("a", "b", "c", "d", "e"));
}

TEST_F(LogLinesTest, LinesOutOfOrderAreCountedToo) {
  const std::string all =
      line(1, 5'000, "a") + line(1, 3'000, "b") + line(1, 4'000, "c") + line(1, 6'000, "d");
  lines_.add(line(1, 5'000, "a") + line(1, 3'000, "b"));
  lines_.begin_again();
  lines_.add(all);
  EXPECT_THAT(got_, ElementsAre("a", "b", "c", "d"));
}

TEST_F(LogLinesTest, OfALogThatWasRotatedMeanwhileNothingNewIsPassedOver) {
  lines_.add(line(1, 1'000, "a") + line(1, 1'000, "b"));
  lines_.begin_again();
  lines_.add(line(1, 7'000, "c") + line(1, 7'000, "d"));
  EXPECT_THAT(got_, ElementsAre("a", "b", "c", "d"));
}

TEST_F(LogLinesTest, ALongLineComesInPieces) {
  const std::string text(3 * LogLines::kMostPiece + 7, 'x');
  lines_.add(line(1, 1, text) + line(1, 2, "next"));
  EXPECT_THAT(got_, ElementsAre(text, "next"));
  EXPECT_EQ(longest_, LogLines::kMostPiece);
}

TEST_F(LogLinesTest, OfALongLineThatWasTornTheRestFollows) {
  std::string text;
  for (int i = 0; text.size() < 4 * LogLines::kMostPiece; ++i) text += fmt::format("{} ", i);
  const std::string whole = line(1, 9'000, text), before = line(1, 1'000, "before");
  lines_.add(before + whole.substr(0, whole.size() / 2));
  lines_.begin_again();
  lines_.add(before + whole.substr(0, whole.size() / 3));  // torn earlier than before
  lines_.begin_again();
  lines_.add(before + whole + line(2, 0, "after"));
  EXPECT_THAT(got_, ElementsAre("before", text, "after"));
}

TEST_F(LogLinesTest, WhereverItBreaksEachLineComesOnce) {
  std::mt19937 random(7);
  std::vector<std::string> all;
  std::string text;
  for (int i = 0; i < 60; ++i) {
    all.push_back(fmt::format("line {} {}", i, std::string(i % 7 == 0 ? 100'000 : i, 'y')));
    text += line(i / 9, (i / 3) * 1'000, all.back());
  }
  std::size_t at = 0;  // how far it ever came
  while (at < text.size()) {
    // The server begins at the second that is asked for.
    const std::string since = lines_.since();
    const std::size_t begin =
        since.empty() ? 0 : text.find(since.substr(0, since.size() - 1) + ".");
    at = std::min(text.size(), at + random() % 60'000);
    lines_.add(std::string_view(text).substr(begin, at - begin));
    lines_.begin_again();
  }
  EXPECT_EQ(got_, all);
}

TEST_F(LogLinesTest, NothingReadIsNothing) {
  lines_.begin_again();
  lines_.end();
  EXPECT_THAT(got_, IsEmpty());
  EXPECT_EQ(lines_.since(), "");
}

}  // namespace
}  // namespace scanflow::kube
