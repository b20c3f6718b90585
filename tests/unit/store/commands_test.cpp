#include <gmock/gmock.h>

#include "tests/unit/store/store_fixture.hpp"

namespace scanflow::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class Commands : public StoreFixture {
 protected:
  static CommandRow pause(const std::string& id, const std::string& run = "r1") {
    return {.id = id,
            .run = run,
            .step = "train[lr=0.1]",
            .attempt = 2,
            .primitive = "pause",
            .arguments = R"({"for":"30s"})",
            .generation = (std::uint64_t{3} << 32) + 7,
            .by = "ann",
            .issued_us = 100,
            .deadline_us = 30'000'100,
            .user = "local",
            .pod_uid = "pod-1"};
  }
  static CommandRow with_outcome(CommandRow row, const std::string& outcome) {
    row.outcome = outcome;
    row.message = "stopped 3 processes";
    row.evidence = R"({"pids":[1,2,3]})";
    row.started_us = 200;
    row.ended_us = 300;
    return row;
  }
  void add_run(const std::string& id, std::int64_t ended_us = 0) {
    ASSERT_TRUE(commit({.runs = {{.id = id, .created_us = 1, .ended_us = ended_us}}}));
  }
  static std::vector<std::string> names(const Result<std::vector<CommandRow>>& rows) {
    std::vector<std::string> all;
    EXPECT_TRUE(rows) << rows.error().message;
    for (const CommandRow& row : rows.value_or(std::vector<CommandRow>())) all.push_back(row.id);
    return all;
  }
};

TEST_F(Commands, AreKeptWhole) {
  add_run("r1");
  ASSERT_TRUE(commit({.commands = {pause("c1")}}));
  open();
  auto rows = store_->commands("r1").value();
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].run, "r1");
  EXPECT_EQ(rows[0].step, "train[lr=0.1]");
  EXPECT_EQ(rows[0].attempt, 2u);
  EXPECT_EQ(rows[0].primitive, "pause");
  EXPECT_EQ(rows[0].arguments, R"({"for":"30s"})");
  EXPECT_EQ(rows[0].generation, (std::uint64_t{3} << 32) + 7);
  EXPECT_EQ(rows[0].by, "ann");
  EXPECT_EQ(rows[0].issued_us, 100);
  EXPECT_EQ(rows[0].deadline_us, 30'000'100);
  EXPECT_EQ(rows[0].user, "local");
  EXPECT_EQ(rows[0].pod_uid, "pod-1");
  EXPECT_EQ(rows[0].outcome, "");
  ASSERT_TRUE(commit({.commands = {with_outcome(pause("c1"), "DONE")}}));
  rows = store_->commands("r1").value();
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].outcome, "DONE");
  EXPECT_EQ(rows[0].message, "stopped 3 processes");
  EXPECT_EQ(rows[0].evidence, R"({"pids":[1,2,3]})");
  EXPECT_EQ(rows[0].started_us, 200);
  EXPECT_EQ(rows[0].ended_us, 300);
}

TEST_F(Commands, OfAnInjectedPodAreOfNoRunAndKeptAllTheSame) {
  CommandRow row = pause("c1", "uid-web");
  row.pod_uid = "uid-web";
  ASSERT_TRUE(commit({.commands = {row}}));
  open();
  EXPECT_THAT(names(store_->open_commands()), ElementsAre("c1"));
  EXPECT_EQ(store_->command("c1").value()->run, "uid-web");
  ASSERT_TRUE(commit({.commands = {with_outcome(row, "DONE")}}));
  EXPECT_EQ(store_->command("c1").value()->outcome, "DONE");
  EXPECT_THAT(names(store_->open_commands()), IsEmpty());
}

TEST_F(Commands, TheFirstOutcomeStays) {
  add_run("r1");
  ASSERT_TRUE(commit({.commands = {pause("c1")}}));
  ASSERT_TRUE(commit({.commands = {with_outcome(pause("c1"), "DONE")}}));
  ASSERT_TRUE(commit({.commands = {with_outcome(pause("c1"), "EXPIRED"), pause("c1")}}));
  EXPECT_EQ(store_->commands("r1").value().at(0).outcome, "DONE");
}

TEST_F(Commands, ComeInTheOrderInWhichTheyWereAskedFor) {
  add_run("r1");
  add_run("r2");
  CommandRow first = pause("z"), second = pause("b"), third = pause("a");
  second.generation = first.generation + 1;
  third.issued_us = 101;
  third.generation = 1;
  ASSERT_TRUE(commit({.commands = {third, pause("other", "r2"), second, first}}));
  EXPECT_THAT(names(store_->commands("r1")), ElementsAre("z", "b", "a"));
  EXPECT_THAT(names(store_->commands("nobody")), IsEmpty());
}

TEST_F(Commands, ThoseWithoutAnOutcomeAreFoundAfterARestart) {
  add_run("r1");
  add_run("r2");
  ASSERT_TRUE(commit({.commands = {pause("c1"), pause("c2", "r2"), pause("c3")}}));
  ASSERT_TRUE(commit({.commands = {with_outcome(pause("c1"), "FAILED")}}));
  open();
  EXPECT_THAT(names(store_->open_commands()), ElementsAre("c2", "c3"));
  EXPECT_EQ(store_->open_commands().value()[0].run, "r2");
}

TEST_F(Commands, GoWithTheirRun) {
  add_run("r1", 5);
  add_run("r2");
  Batch batch;
  for (int i = 0; i < 1200; ++i) batch.commands.push_back(pause("c" + std::to_string(i)));
  batch.commands.push_back(pause("stays", "r2"));
  ASSERT_TRUE(commit(std::move(batch)));
  ASSERT_TRUE(store_->delete_runs({"r1"}));
  EXPECT_THAT(names(store_->open_commands()), ElementsAre("stays"));
  // An outcome that comes later brings nothing back.
  ASSERT_TRUE(commit({.commands = {with_outcome(pause("c1"), "DONE")}}));
  add_run("r1");
  EXPECT_THAT(names(store_->commands("r1")), IsEmpty());
}

TEST_F(Commands, TermsGoUpOverRestarts) {
  EXPECT_EQ(store_->next_term().value(), 1u);
  EXPECT_EQ(store_->next_term().value(), 2u);
  open();
  EXPECT_EQ(store_->next_term().value(), 3u);
}

}  // namespace
}  // namespace scanflow::store
