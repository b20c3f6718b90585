// Runs as they are asked for: filters, pages, and what the answers cost.
#include <gmock/gmock.h>

#include "engine/store/run_queries.hpp"
#include "tests/unit/store/store_fixture.hpp"

namespace scanflow::store {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using RunsTest = StoreFixture;

LabelSelector selector(std::string_view text) { return LabelSelector::parse(text).value(); }

TEST_F(RunsTest, WhatARunCameFromIsKept) {
  const RunRow run{.id = "0193-a",
                   .pipeline = "mnist",
                   .status = "queued",
                   .created_us = 7,
                   .labels = R"({"team":"data"})",
                   .parent = "0193-0",
                   .parent_step = "call[0]",
                   .retry_of = "0192-x",
                   .trigger = "schedule",
                   .group = "nightly",
                   .digest = "abc",
                   .version = 3,
                   .priority = -5};
  ASSERT_TRUE(commit({.runs = {run}}));
  open();
  const RunRow found = store_->find_runs("0193-a").value().front();
  EXPECT_EQ(found.status, "queued");
  EXPECT_EQ(found.labels, R"({"team":"data"})");
  EXPECT_EQ(found.parent, "0193-0");
  EXPECT_EQ(found.parent_step, "call[0]");
  EXPECT_EQ(found.retry_of, "0192-x");
  EXPECT_EQ(found.trigger, "schedule");
  EXPECT_EQ(found.group, "nightly");
  EXPECT_EQ(found.digest, "abc");
  EXPECT_EQ(found.version, 3u);
  EXPECT_EQ(found.priority, -5);
}

TEST_F(RunsTest, AreFilteredByAllThatIsSaid) {
  ASSERT_TRUE(commit({.runs = {{.id = "a",
                                .pipeline = "train",
                                .name_space = "ds",
                                .status = "succeeded",
                                .created_us = 10,
                                .ended_us = 11},
                               {.id = "b",
                                .pipeline = "train",
                                .name_space = "de",
                                .status = "failed",
                                .created_us = 20,
                                .ended_us = 21},
                               {.id = "c",
                                .pipeline = "detect",
                                .name_space = "ds",
                                .status = "running",
                                .created_us = 30}}}));
  EXPECT_THAT(ids(store_->runs({})), ElementsAre("c", "b", "a"));
  EXPECT_THAT(ids(store_->runs({.name_space = "ds"})), ElementsAre("c", "a"));
  EXPECT_THAT(ids(store_->runs({.name_space = ""})), IsEmpty()) << "that is a name, too";
  EXPECT_THAT(ids(store_->runs({.pipeline = "train"})), ElementsAre("b", "a"));
  EXPECT_THAT(ids(store_->runs({.name_space = "ds", .pipeline = "train"})), ElementsAre("a"));
  EXPECT_THAT(ids(store_->runs({.statuses = {"failed"}})), ElementsAre("b"));
  EXPECT_THAT(ids(store_->runs({.statuses = {"failed", "running"}})), ElementsAre("c", "b"));
  EXPECT_THAT(ids(store_->runs({.name_space = "ds", .statuses = {"failed", "running"}})),
              ElementsAre("c"));
  EXPECT_THAT(ids(store_->runs({.since_us = 20})), ElementsAre("c", "b"));
  EXPECT_THAT(ids(store_->runs({.before_us = 20})), ElementsAre("a"));
  EXPECT_THAT(ids(store_->runs({.since_us = 20, .before_us = 30})), ElementsAre("b"));
  EXPECT_THAT(ids(store_->runs({.limit = 2})), ElementsAre("c", "b"));
  EXPECT_THAT(ids(store_->runs({.limit = 0})), IsEmpty());
}

TEST_F(RunsTest, AreSelectedByLabels) {
  ASSERT_TRUE(commit({.runs = {{.id = "a", .created_us = 1, .labels = R"({"team":"ds","x":"1"})"},
                               {.id = "b", .created_us = 2, .labels = R"({"team":"de"})"},
                               {.id = "c", .created_us = 3},
                               {.id = "d", .created_us = 4, .labels = "no JSON"},
                               {.id = "e", .created_us = 5, .labels = R"({"team":"ds"})"}}}));
  EXPECT_THAT(ids(store_->runs({.labels = selector("team=ds")})), ElementsAre("e", "a"));
  EXPECT_THAT(ids(store_->runs({.labels = selector("team in (ds,de),!x")})), ElementsAre("e", "b"));
  EXPECT_THAT(ids(store_->runs({.labels = selector("!team")})), ElementsAre("d", "c"));
  EXPECT_THAT(ids(store_->runs({.labels = selector("team=ds"), .limit = 1})), ElementsAre("e"))
      << "the limit counts what was selected";
  EXPECT_THAT(ids(store_->runs({.labels = selector("x=1"), .limit = 1})), ElementsAre("a"));
}

TEST_F(RunsTest, OnesThatOthersCalledAreListedWithTheirCaller) {
  ASSERT_TRUE(commit({.runs = {{.id = "a", .pipeline = "outer", .created_us = 1},
                               {.id = "b", .pipeline = "inner", .created_us = 2, .parent = "a"},
                               {.id = "c", .pipeline = "inner", .created_us = 3, .parent = "a"},
                               {.id = "d", .pipeline = "inner", .created_us = 4, .parent = "c"},
                               {.id = "e", .pipeline = "inner", .created_us = 5}}}));
  EXPECT_THAT(ids(store_->runs({})), ElementsAre("e", "a"));
  EXPECT_THAT(ids(store_->runs({.pipeline = "inner"})), ElementsAre("e"));
  EXPECT_THAT(ids(store_->runs({.children_of = "a"})), ElementsAre("c", "b"));
  EXPECT_THAT(ids(store_->runs({.children_of = "e"})), IsEmpty());
  EXPECT_THAT(ids(store_->runs({.pipeline = "inner", .children_of = std::nullopt})),
              ElementsAre("e", "d", "c", "b"));
}

TEST_F(RunsTest, PagesJoinWithoutGapThoughRunsComeAndGo) {
  Batch batch;
  for (int i = 0; i < 10; ++i) {
    // Pairs of the same time: their ids decide.
    batch.runs.push_back({.id = std::string(1, static_cast<char>('a' + i)), .created_us = i / 2});
  }
  ASSERT_TRUE(commit(std::move(batch)));
  std::vector<std::string> seen;
  RunFilter page{.limit = 3};
  for (;;) {
    const auto runs = store_->runs(page).value();
    for (const RunRow& run : runs) seen.push_back(run.id);
    if (runs.size() < page.limit) break;
    page.after = RunCursor{runs.back().created_us, runs.back().id};
    // A new run changes no later page; and the cursor's own may be deleted.
    ASSERT_TRUE(commit(
        {.runs = {{.id = "new" + runs.back().id, .created_us = 100},
                  {.id = runs.back().id, .created_us = runs.back().created_us, .ended_us = 1}}}));
    ASSERT_TRUE(store_->delete_runs({runs.back().id}));
  }
  EXPECT_THAT(seen, ElementsAre("j", "i", "h", "g", "f", "e", "d", "c", "b", "a"));
}

TEST_F(RunsTest, UnfinishedAreThoseWithoutAnEndOldestFirst) {
  ASSERT_TRUE(commit({.runs = {{.id = "a", .status = "running", .created_us = 3},
                               {.id = "b", .status = "queued", .created_us = 2, .parent = "a"},
                               {.id = "c", .status = "failed", .created_us = 1, .ended_us = 2}}}));
  EXPECT_THAT(ids(store_->unfinished()), ElementsAre("b", "a"));
  ASSERT_TRUE(
      commit({.runs = {{.id = "b", .status = "succeeded", .created_us = 2, .ended_us = 5}}}));
  EXPECT_THAT(ids(store_->unfinished()), ElementsAre("a"));
}

TEST_F(RunsTest, ToRetireAreFinishedOnesBeyondTheNewestOrTooOld) {
  const auto run = [](const char* id, std::int64_t created_us, std::int64_t ended_us) {
    return RunRow{.id = id,
                  .pipeline = "train",
                  .name_space = "ds",
                  .created_us = created_us,
                  .ended_us = ended_us};
  };
  RunRow called = run("called", 1, 2), elsewhere = run("elsewhere", 1, 2);
  called.parent = "e";
  elsewhere.name_space = "de";
  ASSERT_TRUE(
      commit({.runs = {run("a", 10, 15), run("b", 20, 90), run("c", 30, 35), run("running", 5, 0),
                       run("d", 40, 45), run("e", 50, 55), called, elsewhere}}));
  const auto retired = [&](std::size_t keep, std::int64_t max_age_us, std::int64_t now_us) {
    return store_->runs_to_retire("train", "ds", keep, max_age_us, now_us).value();
  };
  EXPECT_THAT(retired(0, 0, 1000), IsEmpty()) << "no limit";
  EXPECT_THAT(retired(3, 0, 1000), ElementsAre("a", "b"));
  EXPECT_THAT(retired(5, 0, 1000), IsEmpty());
  EXPECT_THAT(retired(0, 50, 100), ElementsAre("a", "c", "d")) << "b ended later";
  EXPECT_THAT(retired(0, 55, 100), ElementsAre("a", "c")) << "d ended exactly then";
  EXPECT_THAT(retired(3, 50, 100), ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(store_->runs_to_retire("other", "ds", 1, 1, 1000).value(), IsEmpty());
}

class PlanOfQuery : public RunsTest {
 protected:
  /// How SQLite would answer.
  std::string plan(const RunQuery& query) {
    const auto connection =
        Connection::open(directory_ / "scanflow.db", Connection::Mode::read).value();
    const std::string sql = "EXPLAIN QUERY PLAN " + query.sql;
    auto statement = Statement::prepare(connection, sql.c_str());
    EXPECT_TRUE(statement) << statement.error().message;
    statement->bind_all(query.parameters);
    std::string steps;
    while (statement->next()) steps += statement->column<std::string>(3) + "\n";
    return steps;
  }
};

TEST_F(PlanOfQuery, OfUnfinishedRunsReadsNoOthers) {
  EXPECT_THAT(plan(unfinished_query()), HasSubstr("SCAN runs USING INDEX runs_unfinished\n"));
}

TEST_F(PlanOfQuery, ReadsAPageInTheOrderOfAnIndex) {
  const RunCursor cursor{5, "x"};
  const std::vector<std::pair<RunFilter, std::string>> cases{
      {{}, "SEARCH runs USING INDEX runs_by_parent (parent=?)"},
      {{.after = cursor}, "SEARCH runs USING INDEX runs_by_parent (parent=? AND created_us<?)"},
      {{.children_of = std::nullopt}, "SCAN runs USING INDEX runs_by_time"},
      {{.since_us = 3, .children_of = std::nullopt},
       "SEARCH runs USING INDEX runs_by_time (created_us>?)"},
      {{.name_space = "n"}, "SEARCH runs USING INDEX runs_by_namespace (namespace=?)"},
      {{.name_space = "n", .before_us = 9, .after = cursor},
       "SEARCH runs USING INDEX runs_by_namespace (namespace=? AND created_us<?)"},
      {{.name_space = "n", .pipeline = "p"},
       "SEARCH runs USING INDEX runs_by_pipeline (pipeline=?)"},
      {{.statuses = {"failed"}}, "SEARCH runs USING INDEX runs_by_status (status=?)"},
      {{.name_space = "n", .statuses = {"failed"}},
       "SEARCH runs USING INDEX runs_by_namespace (namespace=?)"},
      {{.statuses = {"failed", "running"}}, "SEARCH runs USING INDEX runs_by_parent (parent=?)"},
      {{.name_space = "n", .pipeline = "p", .children_of = "r"},
       "SEARCH runs USING INDEX runs_by_parent (parent=?)"},
  };
  for (const auto& [filter, expected] : cases) {
    const RunQuery query = query_of(filter);
    // Only runs of one time are sorted, by their ids.
    EXPECT_THAT(plan(query),
                AllOf(HasSubstr(expected + "\n"), Not(HasSubstr("USE TEMP B-TREE FOR ORDER BY"))))
        << query.sql;
  }
}

}  // namespace
}  // namespace scanflow::store
