// Runs are deleted, cached results expire.
#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "tests/support/small_disk.hpp"
#include "tests/unit/store/store_fixture.hpp"

namespace scanflow::store {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class UpkeepTest : public StoreFixture {
 protected:
  /// A finished run with rows of each kind.
  static Batch run(const std::string& id, const std::string& parent = "", std::uint32_t steps = 2) {
    Batch batch;
    batch.runs = {{.id = id, .status = "failed", .created_us = 1, .ended_us = 2, .parent = parent}};
    for (std::uint32_t i = 0; i < steps; ++i) {
      batch.events.push_back({id, i + 1, 1, "{}"});
      batch.steps.push_back({.run = id, .id = "s" + std::to_string(i), .position = i});
      batch.metrics.push_back({.run = id, .step = "s", .name = "loss", .attempt = 1, .number = i});
    }
    batch.cache = {{.key = "key of " + id, .run = id}};
    return batch;
  }
  std::string refusal(const std::vector<std::string>& runs) {
    const auto deleted = store_->delete_runs(runs);
    return deleted ? "deleted" : deleted.error().message;
  }
  /// Rows of a table, whatever the store shows of them.
  std::int64_t rows(const std::string& table) {
    sqlite3* handle = nullptr;
    sqlite3_stmt* count = nullptr;
    sqlite3_open_v2((directory_ / "scanflow.db").c_str(), &handle, SQLITE_OPEN_READONLY, nullptr);
    sqlite3_busy_timeout(handle, 5000);
    sqlite3_prepare_v2(handle, ("SELECT count(*) FROM " + table).c_str(), -1, &count, nullptr);
    EXPECT_EQ(sqlite3_step(count), SQLITE_ROW) << sqlite3_errmsg(handle);
    const std::int64_t rows = sqlite3_column_int64(count, 0);
    sqlite3_finalize(count);
    sqlite3_close(handle);
    return rows;
  }
  void expect_nothing_of_runs() {
    for (const char* table : {"runs", "events", "steps", "points", "deleted_runs"}) {
      EXPECT_EQ(rows(table), 0) << table;
    }
  }
};

TEST_F(UpkeepTest, ADeletedRunIsGoneWithAllItsRowsAndTheOthersStay) {
  ASSERT_TRUE(commit(run("a")));
  ASSERT_TRUE(commit(run("b")));
  ASSERT_TRUE(commit(run("c")));
  const ModelVersion model{.name = "cnn", .sha256 = "aa", .run = "b"};
  ASSERT_TRUE(store_->register_model(model));
  EXPECT_THAT(store_->delete_runs({"b"}).value(), ElementsAre("b"));
  EXPECT_THAT(ids(store_->find_runs("")), UnorderedElementsAre("a", "c"));
  for (const char* table : {"events", "steps", "points"}) EXPECT_EQ(rows(table), 4) << table;
  EXPECT_THAT(store_->events("c").value(), SizeIs(2));
  EXPECT_THAT(store_->steps("a").value(), SizeIs(2));
  EXPECT_TRUE(store_->cached("key of b").value()) << "its results are still good";
  EXPECT_THAT(store_->models().value(), SizeIs(1));
  EXPECT_THAT(store_->delete_runs({"b", "c", "never was"}).value(), ElementsAre("c"));
  EXPECT_THAT(store_->delete_runs({}).value(), IsEmpty());
}

TEST_F(UpkeepTest, ThoseItCalledGoFirstHoweverTheyAreGiven) {
  ASSERT_TRUE(commit(run("a")));
  ASSERT_TRUE(commit(run("b", "a")));
  ASSERT_TRUE(commit(run("c", "b")));
  ASSERT_TRUE(commit(run("d", "a")));
  ASSERT_TRUE(commit(run("e")));
  EXPECT_THAT(store_->delete_runs({"b", "a", "b"}).value(), ElementsAre("c", "b", "d", "a"));
  EXPECT_THAT(ids(store_->find_runs("")), ElementsAre("e"));
}

TEST_F(UpkeepTest, UnfinishedRunsAreRefusedByNameAndNothingIsDeleted) {
  ASSERT_TRUE(commit(run("a")));
  ASSERT_TRUE(commit(run("b")));
  ASSERT_TRUE(commit({.runs = {{.id = "child", .status = "queued", .parent = "b"},
                               {.id = "other", .status = "running"}}}));
  EXPECT_EQ(refusal({"a", "b", "other"}),
            "nothing was deleted, since not all of it has ended: child, other; wait for that, or "
            "cancel it ('scanflow runs resume' goes on with what nobody runs)");
  EXPECT_THAT(store_->find_runs("").value(), SizeIs(4));
  Batch more;
  std::vector<std::string> all;
  for (int i = 1; i <= 7; ++i) all.push_back("r" + std::to_string(i));
  for (const std::string& id : all) more.runs.push_back({.id = id});
  ASSERT_TRUE(commit(std::move(more)));
  EXPECT_THAT(refusal(all), HasSubstr(": r1, r2, r3, r4, r5 and 2 more;"));
}

TEST_F(UpkeepTest, TheNumberOfADeletedRunIsNeverGivenAgain) {
  ASSERT_TRUE(commit(run("a")));
  ASSERT_EQ(rows("runs WHERE key = 1"), 1);
  ASSERT_TRUE(store_->delete_runs({"a"}));
  ASSERT_TRUE(commit({.runs = {{.id = "b"}}}));
  EXPECT_EQ(rows("runs WHERE key = 2"), 1);
}

TEST_F(UpkeepTest, WhatComesLateForADeletedRunIsDropped) {
  const Batch late = run("a");
  ASSERT_TRUE(commit(late));
  ASSERT_TRUE(store_->delete_runs({"a"}));
  ASSERT_TRUE(commit({.steps = late.steps, .metrics = late.metrics}));
  expect_nothing_of_runs();
  ASSERT_TRUE(commit(run("a")));
  EXPECT_THAT(store_->events("a").value(), SizeIs(2)) << "the same id again is a run like others";
}

TEST_F(UpkeepTest, ARunOutOfSightIsPurgedByTheNextProcess) {
  ASSERT_TRUE(commit(run("a", "", 1200)));
  ASSERT_TRUE(commit(run("b")));
  store_.reset();
  execute(directory_ / "scanflow.db",  // what a kill in the middle of delete_runs leaves
          "INSERT INTO deleted_runs SELECT key FROM runs WHERE id = 'a';"
          "DELETE FROM runs WHERE id = 'a'; DELETE FROM events WHERE key < (1 << 32) + 600");
  open();
  EXPECT_THAT(store_->events("a").value(), IsEmpty());
  ASSERT_TRUE(store_->purge());
  EXPECT_EQ(rows("deleted_runs"), 0);
  for (const char* table : {"events", "steps", "points"}) EXPECT_EQ(rows(table), 2) << table;
}

TEST_F(UpkeepTest, OthersCommitWhileARunOfManyRowsIsDeleted) {
  ASSERT_TRUE(commit(run("huge", "", 30'000)));
  std::atomic<bool> over{false};
  int commits = 0;
  std::jthread deletion([&] {
    EXPECT_TRUE(store_->delete_runs({"huge"}));
    over = true;
  });
  for (; !over; ++commits) {
    ASSERT_TRUE(commit({.events = {{"other", commits + 1, 1, "{}"}}}));
  }
  deletion.join();
  EXPECT_GT(commits, 3) << "it was one transaction";
  EXPECT_EQ(rows("events"), commits);
  EXPECT_EQ(rows("steps"), 0);
}

TEST_F(UpkeepTest, ManyRunsAreDeletedAtOnce) {
  std::vector<std::string> all;
  for (int i = 0; i < 2000; ++i) all.push_back("r" + std::to_string(i));
  for (const std::string& id : all) store_->commit(run(id), nullptr);
  ASSERT_TRUE(commit({})) << "all before is";
  EXPECT_THAT(store_->delete_runs(all).value(), SizeIs(all.size()));
  expect_nothing_of_runs();
}

// A process that deletes runs is killed: each is there with all that it had, or not at all.
TEST_F(UpkeepTest, KilledInTheMiddleNoRunIsHalf) {
  constexpr int kRuns = 40;
  constexpr std::uint32_t kSteps = 2000;
  std::vector<std::string> all;
  for (int i = 0; i < kRuns; ++i) {
    all.push_back("r" + std::to_string(i));
    ASSERT_TRUE(commit(run(all.back(), "", kSteps)));
  }
  store_.reset();
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto store = Store::open(directory_.path(), Durability::process);
    if (store) (void)(*store)->delete_runs(all);
    ::pause();
  }
  // Killed as soon as something is deleted: at some moment of it, whichever that is.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(50);
  while (rows("runs") == kRuns && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  open();
  const auto left = ids(store_->find_runs(""));
  ASSERT_LT(left.size(), static_cast<std::size_t>(kRuns));
  for (const std::string& id : left) {
    EXPECT_THAT(store_->events(id).value(), SizeIs(kSteps)) << id;
    EXPECT_THAT(store_->steps(id).value(), SizeIs(kSteps)) << id;
    EXPECT_THAT(store_->metrics(id).value(), SizeIs(kSteps)) << id;
  }
  ASSERT_TRUE(store_->purge());
  EXPECT_EQ(rows("events"), static_cast<std::int64_t>(left.size()) * kSteps);
  EXPECT_THAT(store_->delete_runs(all).value(), SizeIs(left.size()));
  expect_nothing_of_runs();
}

TEST_F(UpkeepTest, OnAFullDiskADeletionFailsAndLosesNothing) {
  const test::SmallDisk disk("2m");
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a tmpfs";
  auto store = Store::open(disk.path(), Durability::process);
  ASSERT_TRUE(store) << store.error().message;
  ASSERT_TRUE(store::commit(**store, run("a", "", 1000)));
  std::ofstream ballast(disk.path() / "ballast");
  while (ballast << std::string(4096, 'x') && ballast.flush()) {
  }
  const auto deleted = (*store)->delete_runs({"a"});
  ASSERT_FALSE(deleted);
  EXPECT_THAT(deleted.error().message,
              AllOf(HasSubstr("nothing is recorded any more"), HasSubstr("free some space")));
  EXPECT_THAT((*store)->events("a").value(), SizeIs(1000));
  store->reset();
  ASSERT_TRUE(disk.remount(0, "size=8m"));
  store = Store::open(disk.path(), Durability::process);
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_THAT((*store)->delete_runs({"a"}).value(), ElementsAre("a"));
}

TEST_F(UpkeepTest, ReadersDeleteNothing) {
  ASSERT_TRUE(commit(run("a")));
  const auto reader = Store::open_read_only(directory_.path()).value();
  const std::string refused = "the store was opened for reading only";
  EXPECT_EQ(reader->delete_runs({"a"}).error().message, refused);
  EXPECT_EQ(reader->purge().error().message, refused);
  EXPECT_EQ(reader->expire_cache(1).error().message, refused);
}

TEST_F(UpkeepTest, CachedResultsExpireByTheirTime) {
  Batch batch;
  for (int i = 0; i < 1300; ++i) batch.cache.push_back({.key = std::to_string(i), .time_us = i});
  ASSERT_TRUE(commit(std::move(batch)));
  EXPECT_EQ(store_->expire_cache(1200).value(), 1200u);
  EXPECT_FALSE(store_->cached("1199").value());
  EXPECT_TRUE(store_->cached("1200").value());
  EXPECT_EQ(store_->expire_cache(1200).value(), 0u);
  EXPECT_EQ(rows("cache"), 100);
}

/// A digest of 64 times the same digit.
std::string digest(char digit) { return std::string(64, digit); }
std::string artifacts(char digit) {
  return R"({"model":{"bytes":3,"directory":false,"path":"/x","sha256":")" + digest(digit) + "\"}}";
}

TEST_F(UpkeepTest, ReferencesAreThoseOfStepsCacheModelsAndOfEventsThatMayStillMatter) {
  EXPECT_THAT(store_->referenced_artifacts().value(), IsEmpty());
  const std::string& body = R"({"data":{"x":")";
  ASSERT_TRUE(
      commit({.events = {{"done", 1, 1, body + digest('1') + "\"}}"},
                         {"done", 2, 1, body + digest('2') + "\"}}"},
                         {"open", 1, 1, body + digest('3') + "\"}}"},
                         {"open", 2, 1, R"({"data":{"artifacts":)" + artifacts('4')}},
              .runs = {{.id = "done", .ended_us = 1}, {.id = "open"}},
              .steps = {{.run = "done", .id = "a", .artifacts = artifacts('5')},
                        {.run = "done", .id = "b", .position = 1, .artifacts = "{}"}},
              .cache = {{.key = digest('6'), .run = "gone", .artifacts = artifacts('7')}}}));
  ASSERT_TRUE(store_->register_model({.name = "cnn", .sha256 = digest('8'), .run = "gone"}));
  EXPECT_THAT(store_->referenced_artifacts().value(),
              UnorderedElementsAre(digest('1'), digest('3'), digest('4'), digest('5'), digest('7'),
                                   digest('8')));
  ASSERT_TRUE(store_->delete_runs({"done"}));
  ASSERT_EQ(store_->expire_cache(1).value(), 1u);
  EXPECT_THAT(store_->referenced_artifacts().value(),
              UnorderedElementsAre(digest('3'), digest('4'), digest('8')));
}

TEST_F(UpkeepTest, OnlyWholeDigestsAreReferences) {
  ASSERT_TRUE(commit(
      {.steps = {},
       .cache = {{.key = "a", .artifacts = std::string(63, 'a')},
                 {.key = "b", .artifacts = std::string(65, 'b')},
                 {.key = "c", .artifacts = std::string(64, 'C')},
                 {.key = "d", .artifacts = digest('d')},
                 {.key = "e", .artifacts = '"' + digest('e') + "\"," + digest('f') + "x"}}}));
  EXPECT_THAT(store_->referenced_artifacts().value(),
              UnorderedElementsAre(digest('d'), digest('e'), digest('f')));
}

}  // namespace
}  // namespace scanflow::store
