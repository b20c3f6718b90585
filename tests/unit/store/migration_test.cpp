// Databases that earlier versions wrote: schema1.sql to schema7.sql.
#include <gmock/gmock.h>

#include "tests/support/small_disk.hpp"
#include "tests/unit/store/store_fixture.hpp"

namespace scanflow::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class Migration : public testing::TestWithParam<int> {
 protected:
  /// The older database.
  static void write_to(const std::filesystem::path& directory) {
    const std::string sql = test::read(SCANFLOW_SOURCE_DIR "/tests/unit/store/schema" +
                                       std::to_string(GetParam()) + ".sql");
    ASSERT_THAT(sql, HasSubstr("CREATE TABLE runs"));
    execute(directory / "scanflow.db", sql.c_str());
  }
  static std::unique_ptr<Store> open(const std::filesystem::path& directory) {
    auto store = Store::open(directory, Durability::process);
    EXPECT_TRUE(store) << store.error().message;
    return store ? std::move(*store) : nullptr;
  }

  test::TempDir directory_;
};

INSTANTIATE_TEST_SUITE_P(OfSchema, Migration, testing::Values(1, 2, 3, 4, 5, 6, 7),
                         [](const auto& schema) { return std::to_string(schema.param); });

TEST_P(Migration, KeepsAllThatIsThere) {
  write_to(directory_.path());
  const auto store = open(directory_.path());
  ASSERT_TRUE(store);
  const auto runs = store->runs({}).value();
  ASSERT_THAT(runs, SizeIs(2));
  EXPECT_EQ(runs[0].pipeline, "long");
  const RunRow& demo = runs[1];
  EXPECT_EQ(demo.pipeline, "demo");
  EXPECT_EQ(demo.name_space, "teams");
  EXPECT_EQ(demo.status, "failed");
  EXPECT_EQ(demo.summary, "failed: check (exit)");
  EXPECT_GT(demo.ended_us, demo.created_us);
  EXPECT_EQ(demo.failed, 1u);
  EXPECT_THAT(store->events(demo.id).value(), SizeIs(7));
  EXPECT_THAT(store->events(runs[0].id).value(), SizeIs(2));
  const auto steps = store->steps(demo.id).value();
  ASSERT_THAT(steps, SizeIs(2));
  EXPECT_EQ(steps[0].outputs, R"({"rows":7})");
  EXPECT_EQ(steps[1].cause, "exit");
  const auto metrics = store->metrics(demo.id).value();
  ASSERT_THAT(metrics, SizeIs(2));
  EXPECT_EQ(metrics[0].value, 0.5);
  EXPECT_EQ(metrics[1].value, 0.25);
  EXPECT_EQ(metrics[1].number, 2u);
  EXPECT_EQ(metrics[1].labels, R"({"split":"val"})");
  EXPECT_TRUE(
      store->cached("3eb11c2e2d2dff464460d69bec5377df94ce4d0ec6f7006c3a32085000747dd0").value());
  EXPECT_EQ(store->models().value().at(0).run, demo.id);
}

TEST_P(Migration, GivesRunsWhatTheyDidNotSay) {
  write_to(directory_.path());
  const auto store = open(directory_.path());
  ASSERT_TRUE(store);
  const auto unfinished = store->unfinished().value();
  ASSERT_THAT(unfinished, SizeIs(1)) << "its engine was killed";
  EXPECT_EQ(unfinished[0].pipeline, "long");
  EXPECT_EQ(unfinished[0].trigger, "cli") << "there was nothing else";
  EXPECT_EQ(unfinished[0].labels, "");
  EXPECT_EQ(unfinished[0].parent, "");
  EXPECT_EQ(unfinished[0].version, 0u);
  EXPECT_EQ(unfinished[0].priority, 0);
}

TEST_P(Migration, WhatIsMigratedIsLikeWhatIsNew) {
  write_to(directory_.path());
  auto store = open(directory_.path());
  ASSERT_TRUE(store);
  const std::string demo = store->runs({.pipeline = "demo"}).value().at(0).id;
  ASSERT_TRUE(store->delete_runs({demo}));
  ASSERT_TRUE(
      commit(*store, {.events = {{"new", 1, 1, "{}"}}, .runs = {{.id = "new", .created_us = 1}}}));
  ASSERT_TRUE(commit(*store, {.commands = {{.id = "c", .run = "new", .primitive = "pause"}}}));
  EXPECT_EQ(store->next_term().value(), 1u);
  ASSERT_TRUE(store->apply({.kind = "Pipeline", .name_space = "ds", .name = "x", .source = "y"}));
  store.reset();
  store = open(directory_.path());
  ASSERT_TRUE(store);
  EXPECT_THAT(store->find_runs(demo).value(), IsEmpty());
  EXPECT_THAT(store->events("new").value(), SizeIs(1));
  EXPECT_THAT(store->documents().value(), SizeIs(1));
  EXPECT_THAT(store->open_commands().value(), SizeIs(1));
  EXPECT_EQ(store->next_term().value(), 2u);
}

TEST_P(Migration, IsNotTheWorkOfReaders) {
  write_to(directory_.path());
  const auto reader = Store::open_read_only(directory_.path());
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().message,
            "the database has schema " + std::to_string(GetParam()) +
                ", older than 8; any command that runs a pipeline migrates it");
}

TEST_P(Migration, ThatFindsTheDiskFullLeavesTheOldOne) {
  const test::SmallDisk disk("1m");
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a tmpfs";
  write_to(disk.path());
  std::ofstream ballast(disk.path() / "ballast");
  while (ballast << std::string(4096, 'x') && ballast.flush()) {
  }
  ballast.close();
  const auto all = std::filesystem::file_size(disk.path() / "ballast");
  std::filesystem::resize_file(disk.path() / "ballast", all - 48'000);  // too little is left
  const auto failed = Store::open(disk.path(), Durability::process);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("free some space"));
  EXPECT_THAT(Store::open_read_only(disk.path()).error().message,
              HasSubstr("has schema " + std::to_string(GetParam())));
  ASSERT_TRUE(disk.remount(0, "size=4m"));
  const auto store = open(disk.path());
  ASSERT_TRUE(store);
  EXPECT_THAT(store->runs({}).value(), SizeIs(2));
}

}  // namespace
}  // namespace scanflow::store
