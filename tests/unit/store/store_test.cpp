#include "engine/store/store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "tests/unit/store/store_fixture.hpp"

namespace scanflow::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class StoreTest : public StoreFixture {
 protected:
  static Batch events(const std::string& run, std::int64_t from, std::int64_t to) {
    Batch batch;
    for (std::int64_t seq = from; seq <= to; ++seq) {
      batch.events.push_back({run, seq, 1, R"({"n":1})"});
    }
    return batch;
  }
};

std::vector<std::int64_t> seqs(const Result<std::vector<EventRow>>& rows) {
  std::vector<std::int64_t> numbers;
  for (const EventRow& row : rows.value()) numbers.push_back(row.seq);
  return numbers;
}

TEST_F(StoreTest, EventsComeBackInOrderAndAfterARestart) {
  ASSERT_TRUE(commit(events("r1", 1, 2)));
  ASSERT_TRUE(commit(events("r2", 1, 1)));
  ASSERT_TRUE(commit(events("r1", 3, 3)));
  open();
  EXPECT_THAT(seqs(store_->events("r1")), ElementsAre(1, 2, 3));
  EXPECT_THAT(seqs(store_->events("r1", 2)), ElementsAre(3));
  EXPECT_THAT(seqs(store_->events("r2")), ElementsAre(1));
  EXPECT_THAT(seqs(store_->events("nobody")), IsEmpty());
  const EventRow row = store_->events("r1").value().front();
  EXPECT_EQ(row.body, R"({"n":1})");
}

TEST_F(StoreTest, EventsThatAreCommittedTogetherAreReadOneByOne) {
  Batch batch;
  for (std::int64_t seq = 1; seq <= 3; ++seq) batch.add_event("r", seq) += std::to_string(seq);
  batch.add_event("other", 1) += "x";
  batch.add_event("r", 4) += "4";
  EXPECT_THAT(batch.events, SizeIs(3)) << "those of a run that follow each other are one block";
  ASSERT_TRUE(commit(std::move(batch)));
  EXPECT_THAT(seqs(store_->events("r")), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(seqs(store_->events("r", 1)), ElementsAre(2, 3, 4)) << "from within a block";
  EXPECT_THAT(seqs(store_->events("r", 3)), ElementsAre(4));
  EXPECT_THAT(seqs(store_->events("r", 4)), IsEmpty());
  EXPECT_THAT(seqs(store_->events("r", 1, 1)), ElementsAre(2)) << "to within a block";
  EXPECT_EQ(store_->events("r", 2, 1).value().front().body, "3");
}

TEST_F(StoreTest, ABlockOfEventsHasABound) {
  Batch batch;
  for (std::int64_t seq = 1; seq <= 40; ++seq)
    batch.add_event("r", seq) += std::string(10'000, 'x');
  EXPECT_GT(batch.events.size(), 4u);
  ASSERT_TRUE(commit(std::move(batch)));
  EXPECT_THAT(store_->events("r").value(), SizeIs(40));
}

TEST_F(StoreTest, AGapInTheEventsIsDamage) {
  ASSERT_TRUE(commit(events("r", 1, 2)));
  ASSERT_TRUE(commit(events("r", 4, 4)));
  const auto read = store_->events("r");
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, testing::HasSubstr("event 3 of run r is not there, 4 is"));
}

TEST_F(StoreTest, RunsAreUpsertedAndListedNewestFirst) {
  const RunRow first{.id = "0193-a",
                     .pipeline = "mnist",
                     .name_space = "ds",
                     .status = "running",
                     .file = "train.yaml",
                     .backend = "local",
                     .summary = "running",
                     .created_us = 1,
                     .steps = 6};
  RunRow second{.id = "0193-b", .pipeline = "mnist", .status = "running", .created_us = 2};
  ASSERT_TRUE(commit({.runs = {first, second}}));
  second.status = "failed";
  second.summary = "failed: a (crash)";
  second.ended_us = 9;
  second.done = 5;
  second.failed = 1;
  ASSERT_TRUE(commit({.runs = {second}}));
  const auto runs = store_->runs({}).value();
  ASSERT_THAT(runs, SizeIs(2));
  EXPECT_EQ(runs[0].id, "0193-b");
  EXPECT_EQ(runs[0].status, "failed");
  EXPECT_EQ(runs[0].summary, "failed: a (crash)");
  EXPECT_EQ(runs[0].ended_us, 9);
  EXPECT_EQ(runs[0].done, 5u);
  EXPECT_EQ(runs[0].failed, 1u);
  EXPECT_EQ(runs[1].name_space, "ds");
  EXPECT_EQ(runs[1].file, "train.yaml");
  EXPECT_EQ(runs[1].backend, "local");
  EXPECT_EQ(runs[1].steps, 6u);
  EXPECT_THAT(store_->runs({.limit = 1}).value(), SizeIs(1));
}

TEST_F(StoreTest, RunsAreFoundByTheStartOfTheirId) {
  ASSERT_TRUE(commit({.runs = {{.id = "0193f2c1-aa"}, {.id = "0193f2c1-bb"}, {.id = "0193f2d0"}}}));
  EXPECT_THAT(store_->find_runs("0193f2c1").value(), SizeIs(2));
  EXPECT_THAT(store_->find_runs("0193f2c1-a").value(), SizeIs(1));
  EXPECT_THAT(store_->find_runs("0193f2d0").value(), SizeIs(1));
  EXPECT_THAT(store_->find_runs("0193%").value(), IsEmpty());
  EXPECT_THAT(store_->find_runs("").value(), SizeIs(3));
}

TEST_F(StoreTest, StepsAreUpsertedAndComeByPosition) {
  StepRow a{.run = "r",
            .id = "a",
            .status = "running",
            .uses = "noop",
            .position = 0,
            .attempts = 1,
            .attempt = 1,
            .started_us = 5};
  const StepRow b{.run = "r", .id = "b", .status = "pending", .uses = "noop", .position = 1};
  ASSERT_TRUE(commit({.runs = {{.id = "r"}}, .steps = {b, a}}));
  a.status = "failed";
  a.cause = "crash";
  a.message = "SIGSEGV";
  a.ended_us = 7;
  a.outputs = R"({"x":1})";
  a.artifacts = R"({"m":{}})";
  a.log = "[]";
  ASSERT_TRUE(commit({.steps = {a}}));
  const auto steps = store_->steps("r").value();
  ASSERT_THAT(steps, SizeIs(2));
  EXPECT_EQ(steps[0].id, "a");
  EXPECT_EQ(steps[0].status, "failed");
  EXPECT_EQ(steps[0].cause, "crash");
  EXPECT_EQ(steps[0].message, "SIGSEGV");
  EXPECT_EQ(steps[0].started_us, 5);
  EXPECT_EQ(steps[0].ended_us, 7);
  EXPECT_EQ(steps[0].outputs, R"({"x":1})");
  EXPECT_EQ(steps[0].artifacts, R"({"m":{}})");
  EXPECT_EQ(steps[0].log, "[]");
  EXPECT_EQ(steps[1].position, 1u);
}

TEST_F(StoreTest, MetricsComeByStepNameAndProgress) {
  auto metric = [number = 0](const char* step, const char* name, std::int64_t at,
                             double value) mutable {
    return MetricRow{.run = "r",
                     .step = step,
                     .name = name,
                     .attempt = 1,
                     .number = static_cast<std::uint64_t>(++number),
                     .at_step = at,
                     .time_us = 3,
                     .value = value,
                     .labels = R"({"split":"val"})"};
  };
  ASSERT_TRUE(commit({.runs = {{.id = "r"}}}));
  ASSERT_TRUE(commit({.metrics = {metric("t", "loss", 2, 0.5), metric("t", "loss", 1, 0.25),
                                  metric("t", "acc", 1, 1), metric("s", "loss", 9, 2)}}));
  std::vector<std::string> seen;
  const auto metrics = store_->metrics("r").value();
  for (const MetricRow& row : metrics) {
    seen.push_back(row.step + "." + row.name + "@" + std::to_string(row.at_step));
  }
  EXPECT_THAT(seen, ElementsAre("s.loss@9", "t.acc@1", "t.loss@1", "t.loss@2"));
  EXPECT_EQ(metrics.back().value, 0.5);
  EXPECT_EQ(metrics.back().labels, R"({"split":"val"})");
}

TEST_F(StoreTest, AMetricThatComesTwiceIsStoredOnce) {
  const MetricRow first{.run = "r", .step = "t", .name = "loss", .attempt = 1, .number = 1};
  MetricRow second = first;
  second.number = 2;  // the same name and value, logged once more
  ASSERT_TRUE(commit({.runs = {{.id = "r"}}, .metrics = {first, second}}));
  ASSERT_TRUE(commit({.metrics = {first, second}}));
  EXPECT_THAT(store_->metrics("r").value(), SizeIs(2));
}

TEST_F(StoreTest, StepsAndMetricsAloneMakeNoRun) {
  ASSERT_TRUE(commit({.steps = {{.run = "r", .id = "a"}}, .metrics = {{.run = "r", .step = "a"}}}));
  EXPECT_THAT(store_->find_runs("").value(), IsEmpty());
  ASSERT_TRUE(commit({.runs = {{.id = "r"}}}));
  EXPECT_THAT(store_->steps("r").value(), IsEmpty());
  EXPECT_THAT(store_->metrics("r").value(), IsEmpty());
}

TEST_F(StoreTest, TheLatestCacheEntryWins) {
  EXPECT_EQ(store_->cached("k").value(), std::nullopt);
  ASSERT_TRUE(commit({.cache = {{"k", "r1", "a", 1, "{}", "{}"}}}));
  ASSERT_TRUE(commit({.cache = {{"k", "r2", "b", 2, R"({"x":1})", R"({"m":2})"}}}));
  const auto row = store_->cached("k").value();
  ASSERT_TRUE(row);
  EXPECT_EQ(row->run, "r2");
  EXPECT_EQ(row->step, "b");
  EXPECT_EQ(row->time_us, 2);
  EXPECT_EQ(row->outputs, R"({"x":1})");
  EXPECT_EQ(row->artifacts, R"({"m":2})");
}

TEST_F(StoreTest, AnyBytesSurvive) {
  const std::string odd("a\0b\xff'\"%", 7);
  ASSERT_TRUE(commit({.events = {{"r", 1, 1, odd}}}));
  EXPECT_EQ(store_->events("r").value().front().body, odd);
}

TEST_F(StoreTest, DoneComesInOrderAndWhatWasQueuedIsCommittedAtTheEnd) {
  constexpr int kBatches = 500;
  std::vector<int> order;
  std::int64_t seq = 0;
  for (int i = 0; i < kBatches; ++i) {
    const std::int64_t from = seq + 1;
    seq += i % 3 == 0 ? 100 : 1;  // many rows go through the queue, few need not
    store_->commit(events("r", from, seq), [&, i](const Result<void>& result) {
      ASSERT_TRUE(result) << result.error().message;
      order.push_back(i);
    });
  }
  store_.reset();
  ASSERT_THAT(order, SizeIs(kBatches));
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  open();
  EXPECT_THAT(store_->events("r").value(), SizeIs(seq));
}

TEST_F(StoreTest, FewRowsAreCommittedHereWhereTheWriterRestsAndNothingWaitsForTheDisk) {
  const auto thread_of = [this](std::int64_t from, std::int64_t to) {
    std::promise<std::thread::id> thread;
    store_->commit(events("r", from, to),
                   [&](const Result<void>&) { thread.set_value(std::this_thread::get_id()); });
    return thread.get_future().get();
  };
  EXPECT_EQ(thread_of(1, 3), std::this_thread::get_id());
  EXPECT_NE(thread_of(4, 1000), std::this_thread::get_id());
  store_.reset();
  store_ = std::move(*Store::open(directory_.path(), Durability::power));
  EXPECT_NE(thread_of(1001, 1001), std::this_thread::get_id());
}

TEST_F(StoreTest, TheLogIsCopiedIntoTheDatabaseWhileItRuns) {
  const auto megabytes = [&](const char* name) {
    return std::filesystem::file_size(directory_ / name) >> 20;
  };
  Batch batch = events("r", 1, 1);
  batch.events[0].body = '"' + std::string(1 << 20, 'x') + '"';
  for (std::int64_t seq = 1; seq <= 100; ++seq) {
    batch.events[0].first = seq;
    ASSERT_TRUE(commit(batch));
  }
  EXPECT_LT(megabytes("scanflow.db-wal"), 64u);
  EXPECT_GT(megabytes("scanflow.db"), 50u);
}

TEST_F(StoreTest, AtTheEndTheLogIsCopiedIntoTheDatabaseAndRemoved) {
  ASSERT_TRUE(commit(events("r", 1, 3)));
  EXPECT_THAT(seqs(store_->events("r")), ElementsAre(1, 2, 3)) << "so that there is a reader";
  EXPECT_TRUE(std::filesystem::exists(directory_ / "scanflow.db-wal"));
  store_.reset();
  EXPECT_FALSE(std::filesystem::exists(directory_ / "scanflow.db-wal"));
}

TEST_F(StoreTest, ABatchIsCommittedWholeOrNotAtAllAndNothingFollowsAFailure) {
  ASSERT_TRUE(commit(events("r", 1, 3)));
  Batch broken = events("r", 4, 5);
  broken.events.push_back(broken.events.front());  // the same number twice
  broken.runs.push_back({.id = "r", .status = "succeeded"});
  const auto failed = commit(std::move(broken));
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, testing::HasSubstr("cannot write event 4 of run r"));
  EXPECT_FALSE(commit(events("r", 6, 6))) << "there would be a gap";
  EXPECT_FALSE(store_->register_model({.name = "m"}));
  EXPECT_THAT(seqs(store_->events("r")), ElementsAre(1, 2, 3));
  open();
  EXPECT_THAT(seqs(store_->events("r")), ElementsAre(1, 2, 3));
  EXPECT_NE(store_->runs({.limit = 1}).value().front().status, "succeeded");
  EXPECT_TRUE(commit(events("r", 4, 4)));
}

TEST_F(StoreTest, ManyThreadsWriteAndRead) {
  constexpr int kThreads = 4, kBatches = 100;
  std::atomic<int> committed{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 1; i <= kBatches; ++i) {
          store_->commit(events("r" + std::to_string(t), i, i),
                         [&](const Result<void>& result) { committed += result.has_value(); });
          if (i % 10 == 0) {
            EXPECT_TRUE(store_->events("r" + std::to_string(t)));
          }
        }
      });
    }
  }
  store_.reset();
  EXPECT_EQ(committed, kThreads * kBatches);
  open();
  for (int t = 0; t < kThreads; ++t) {
    EXPECT_THAT(store_->events("r" + std::to_string(t)).value(), SizeIs(kBatches));
  }
}

TEST_F(StoreTest, ModelsAreNumberedPerNameAndOncePerSource) {
  const ModelVersion model{.name = "mnist_cnn",
                           .sha256 = "aa",
                           .run = "r1",
                           .step = "register",
                           .attempt = 1,
                           .time_us = 7,
                           .metrics = R"({"accuracy":0.98})",
                           .tags = "{}",
                           .lineage = R"({"data":"bb"})"};
  ModelVersion other = model;
  other.run = "r2";
  ModelVersion named = model;
  named.name = "another";
  EXPECT_EQ(store_->register_model(model).value().version, 1u);
  EXPECT_EQ(store_->register_model(other).value().version, 2u);
  EXPECT_EQ(store_->register_model(model).value().version, 1u) << "asked for again after a crash";
  EXPECT_EQ(store_->register_model(named).value().version, 1u);
  open();
  const auto models = store_->models().value();
  ASSERT_THAT(models, SizeIs(3));
  EXPECT_EQ(models[0].name, "another");
  EXPECT_EQ(models[2].version, 2u);
  EXPECT_EQ(models[1].metrics, R"({"accuracy":0.98})");
  EXPECT_EQ(models[1].lineage, R"({"data":"bb"})");
}

TEST_F(StoreTest, OthersReadBesideTheWriter) {
  ASSERT_TRUE(commit(events("r", 1, 1)));
  auto reader = Store::open_read_only(directory_.path());
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_THAT(seqs((*reader)->events("r")), ElementsAre(1));
  ASSERT_TRUE(commit(events("r", 2, 2)));
  EXPECT_THAT(seqs((*reader)->events("r")), ElementsAre(1, 2));
  std::string refusal;
  (*reader)->commit({}, [&](const Result<void>& result) { refusal = result.error().message; });
  EXPECT_EQ(refusal, "the store was opened for reading only");
  EXPECT_FALSE((*reader)->register_model({.name = "m"}));
}

TEST_F(StoreTest, APowerSafeStoreWorksAlike) {
  store_.reset();
  auto opened = Store::open(directory_.path(), Durability::power);
  ASSERT_TRUE(opened) << opened.error().message;
  store_ = std::move(*opened);
  ASSERT_TRUE(commit(events("r", 1, 1)));
  EXPECT_THAT(seqs(store_->events("r")), ElementsAre(1));
}

}  // namespace
}  // namespace scanflow::store
