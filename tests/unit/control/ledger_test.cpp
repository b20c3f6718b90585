#include "engine/control/ledger.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/store/execute.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::control {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

class LedgerTest : public testing::Test {
 protected:
  void open() {
    store_.reset();
    auto store = store::Store::open(directory_.path(), store::Durability::process);
    ASSERT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
    ledger_.emplace(*store_);
  }
  void SetUp() override { open(); }
  static Decision decision(const std::string& id, const std::string& state) {
    Decision made;
    made.id = id;
    made.agent = "mnist/checker";
    made.rule = "many";
    made.time_us = 5;
    made.mode = "act";
    made.state = state;
    made.ended_us = state == "acting" || state == "waiting" ? 0 : 6;
    made.evidence = {{"value", 3}};
    made.actions = {{"emit", json::object(), {{"type", "a"}}, "", "", json::object()}};
    return made;
  }

  test::TempDir directory_;
  std::unique_ptr<store::Store> store_;
  std::optional<Ledger> ledger_;
};

TEST_F(LedgerTest, ARulesStateAndWhatItDecidedAreKeptTogether) {
  RuleState state;
  state.trigger_digest = "t";
  state.trigger_state = std::string("a\0b\xff", 4);
  state.seen = 12;
  state.guard.note(77);
  ASSERT_TRUE(ledger_->commit("mnist/checker", "many", state, {decision("a1", "acting")}));
  open();
  const auto rules = ledger_->rules("mnist/checker").value();
  ASSERT_THAT(rules, SizeIs(1));
  EXPECT_EQ(rules.at("many").trigger_state, state.trigger_state) << "whatever its bytes are";
  EXPECT_EQ(rules.at("many").seen, 12);
  EXPECT_EQ(rules.at("many").guard.to_json(), state.guard.to_json());
  const auto all = ledger_->decisions({}).value();
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_EQ(to_json(all[0]), to_json(decision("a1", "acting")));
}

TEST_F(LedgerTest, DecisionsAreFoundByWhoseTheyAreAndWhetherTheyAreOpen) {
  ASSERT_TRUE(ledger_->commit("mnist/checker", "many", {},
                              {decision("a1", "acting"), decision("a2", "held")}));
  ASSERT_TRUE(ledger_->commit("other/one", "x", {}, {}));
  EXPECT_THAT(ledger_->decisions({.agent = "mnist/checker", .only_open = true}).value(), SizeIs(1));
  EXPECT_THAT(ledger_->decisions({.agent = "other/one"}).value(), IsEmpty());
  EXPECT_EQ(ledger_->decisions({.before = "a2"}).value().at(0).id, "a1");
  Decision done = decision("a1", "done");
  done.actions[0].outcome = "DONE";
  ASSERT_TRUE(ledger_->update(done));
  EXPECT_EQ(ledger_->decision("a1").value()->actions[0].outcome, "DONE");
  EXPECT_FALSE(ledger_->decision("a").value()) << "there are two";
  ASSERT_TRUE(ledger_->commit("mnist/checker", "many", {}, {decision("a3", "waiting")}));
  ASSERT_TRUE(ledger_->forget("mnist/checker", 99));
  EXPECT_EQ(ledger_->decision("a3").value()->state, "abandoned");
  EXPECT_EQ(ledger_->decision("a3").value()->ended_us, 99);
  EXPECT_THAT(ledger_->rules("mnist/checker").value(), IsEmpty());
  EXPECT_THAT(ledger_->decisions({}).value(), SizeIs(3)) << "decisions stay";
}

TEST_F(LedgerTest, WhatWasDecidedIsARunOfTheAgentsExperimentOnceItHasEnded) {
  ASSERT_TRUE(ledger_->commit("mnist/checker", "many", {},
                              {decision("a-1", "acting"), decision("a-2", "held")}));
  ASSERT_TRUE(ledger_->update(decision("a-1", "done")));
  ASSERT_TRUE(ledger_->update(decision("a-1", "done")));
  std::vector<std::string> rows;
  ASSERT_TRUE(store_->read([&](const store::Connection& connection) -> Result<void> {
    rows =
        store::collect_column<std::string>(
            connection,
            "SELECT e.name || ' ' || t.id || ' ' || t.status || ' ' || p.value FROM tracked_runs "
            "AS t JOIN experiments AS e ON e.key = t.experiment JOIN tracked_params AS p ON "
            "p.owner = t.key AND p.key = 'primitives'")
            .value();
    return {};
  }));
  EXPECT_THAT(rows, testing::ElementsAre("agents/mnist/checker a1 FINISHED emit"));
  EXPECT_THAT(ledger_->happenings(0, 10).value(), IsEmpty()) << "no rule is woken by it";
}

TEST_F(LedgerTest, HappeningsAreNumberedForGood) {
  EXPECT_EQ(ledger_->newest().value(), 0);
  EXPECT_EQ(
      ledger_->add({.type = "a", .source = "me", .time_us = 1, .payload = {{"x", 1}}}).value(), 1);
  EXPECT_EQ(ledger_->add({.type = "b", .depth = 2}).value(), 2);
  open();
  EXPECT_EQ(ledger_->newest().value(), 2);
  const auto later = ledger_->happenings(1, 10).value();
  ASSERT_THAT(later, SizeIs(1));
  EXPECT_EQ(later[0].type, "b");
  EXPECT_EQ(later[0].depth, 2);
}

TEST_F(LedgerTest, WhoIsPausedIsKnownAfterARestart) {
  ASSERT_TRUE(ledger_->pause("a/b", "me", 1));
  open();
  EXPECT_EQ(ledger_->paused().value().at("a/b"), "me");
  ASSERT_TRUE(ledger_->resume("a/b"));
  EXPECT_THAT(ledger_->paused().value(), IsEmpty());
}

}  // namespace
}  // namespace scanflow::control
