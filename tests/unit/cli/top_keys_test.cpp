#include "engine/cli/top_keys.hpp"

#include <gtest/gtest.h>

#include "tests/unit/cli/top_documents.hpp"

namespace scanflow::cli {
namespace {

using namespace test;

std::vector<Key> keys_of(const std::vector<KeyPress>& presses) {
  std::vector<Key> keys;
  for (const KeyPress& each : presses) keys.push_back(each.key);
  return keys;
}

TEST(KeyReader, KnowsWhatTerminalsSend) {
  KeyReader reader;
  using Keys = std::vector<Key>;
  EXPECT_EQ(
      keys_of(reader.take("\033[A\033OB\033[5~\033[6~\033[1~\033[4~j")),
      (Keys{Key::up, Key::down, Key::page_up, Key::page_down, Key::home, Key::end, Key::letter}));
  EXPECT_EQ(keys_of(reader.take("\033[1;5C\033[15~")), Keys{}) << "keys that mean nothing here";
}

TEST(KeyReader, ASequenceMayComeInPieces) {
  KeyReader reader;
  EXPECT_TRUE(reader.take("\033").empty());
  EXPECT_TRUE(reader.take("[").empty());
  EXPECT_EQ(keys_of(reader.take("B")), std::vector<Key>{Key::down});
  EXPECT_TRUE(reader.take("\033").empty());
  EXPECT_EQ(keys_of(reader.flush()), std::vector<Key>{Key::escape});
  EXPECT_TRUE(reader.flush().empty());
  EXPECT_EQ(keys_of(reader.take("\033q")), (std::vector<Key>{Key::escape, Key::letter}));
  EXPECT_LT(reader.take("\033[" + std::string(1000, '0')).size(), 1000u) << "it ends some time";
}

class TopKeys : public testing::Test {
 protected:
  TopKeys() { keep_selected(state_, rows_); }
  TopAction type(char letter) { return press(state_, {Key::letter, letter}, rows_, 10); }

  std::vector<TopRow> rows_ = top_rows(three(), json(), TopSort::cpu);
  TopState state_;
};

TEST_F(TopKeys, SelectWithinTheRows) {
  EXPECT_EQ(state_.step, "train[model=cnn1]");
  type('j');
  EXPECT_EQ(state_.step, "evaluate");
  for (int i = 0; i < 5; ++i) press(state_, {Key::down, '\0'}, rows_, 10);
  EXPECT_EQ(state_.selected, 2u);
  type('k');
  EXPECT_EQ(state_.selected, 1u);
  press(state_, {Key::page_up, '\0'}, rows_, 10);
  EXPECT_EQ(state_.selected, 0u);
  type('k');
  EXPECT_EQ(state_.selected, 0u);
  press(state_, {Key::end, '\0'}, rows_, 10);
  EXPECT_EQ(state_.selected, 2u);
  press(state_, {Key::home, '\0'}, rows_, 10);
  EXPECT_EQ(state_.selected, 0u);
}

TEST_F(TopKeys, TheSelectedStepIsKeptWhereverItsRowGoes) {
  type('t');
  EXPECT_EQ(state_.sort, TopSort::time);
  rows_ = top_rows(three(), json(), state_.sort);
  keep_selected(state_, rows_);
  EXPECT_EQ(state_.step, "train[model=cnn1]");
  EXPECT_EQ(state_.selected, 1u);
  rows_.erase(rows_.begin() + 1, rows_.end());
  keep_selected(state_, rows_);
  EXPECT_EQ(state_.step, "evaluate") << "it is over: its neighbour";
  keep_selected(state_, {});
  EXPECT_EQ(state_.selected, 0u);
}

TEST_F(TopKeys, PrimitivesAreOfTheSelectedStep) {
  for (const auto& [key, name] : {std::pair{'p', "pause"}, {'r', "resume"}, {'s', "checkpoint"}}) {
    const TopAction action = type(key);
    EXPECT_EQ(action.kind, TopAction::Kind::primitive);
    EXPECT_EQ(action.run, kRun);
    EXPECT_EQ(action.step, "train[model=cnn1]");
    EXPECT_EQ(action.primitive, name);
  }
  rows_.clear();
  EXPECT_EQ(type('p').kind, TopAction::Kind::none);
  EXPECT_EQ(type('x').kind, TopAction::Kind::none);
  EXPECT_TRUE(state_.cancels.empty());
  EXPECT_EQ(state_.status, "nothing runs: there is no step to act on");
}

TEST_F(TopKeys, ARunIsCancelledOnlyByASecondKey) {
  EXPECT_EQ(type('x').kind, TopAction::Kind::none);
  EXPECT_EQ(state_.cancels, kRun);
  EXPECT_EQ(type('q').kind, TopAction::Kind::none) << "it is the answer to the question";
  EXPECT_EQ(state_.status, "run 0193f2c1-aaaa-7000 is left alone");
  type('x');
  const TopAction action = type('y');
  EXPECT_EQ(action.kind, TopAction::Kind::cancel);
  EXPECT_EQ(action.run, kRun);
  EXPECT_TRUE(state_.cancels.empty());
}

TEST_F(TopKeys, LeaveAndNothingElse) {
  EXPECT_EQ(type('q').kind, TopAction::Kind::quit);
  EXPECT_EQ(type('z').kind, TopAction::Kind::none);
}

TEST_F(TopKeys, TheOutcomeOfWhatWasAskedIsShownOnce) {
  state_.awaited = "c1";
  state_.of = "pause of train[model=cnn1]";
  rows_[0].last = command("c1", nullptr);
  state_.status = "pause of train[model=cnn1] ...";
  follow_awaited(state_, rows_);
  EXPECT_EQ(state_.status, "pause of train[model=cnn1] ...");
  rows_[0].last = command("c1", "UNSUPPORTED");
  follow_awaited(state_, rows_);
  EXPECT_EQ(state_.status,
            "pause of train[model=cnn1] by ann: UNSUPPORTED  stopped 3 processes  (0.2 s)");
  EXPECT_TRUE(state_.trouble);
  EXPECT_TRUE(state_.awaited.empty());
  state_.awaited = "gone";
  follow_awaited(state_, rows_);
  EXPECT_EQ(state_.status,
            "pause of train[model=cnn1]: 'scanflow runs show' says what became of it");
}

}  // namespace
}  // namespace scanflow::cli
