// Databases of other versions: older ones are migrated or left as they are, whenever that is
// interrupted; newer ones are not touched.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cstdlib>

#include "tests/durability/trial.hpp"

namespace scanflow::test {
namespace {

constexpr int kMostMigrationWrites = 400;  // more writes than a migration has

void execute(const std::filesystem::path& file, const std::string& sql) {
  sqlite3* handle = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &handle), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
      << sqlite3_errmsg(handle);
  sqlite3_close(handle);
}

/// A state directory as an earlier version of the schema left it, with two runs.
void write_old(const std::filesystem::path& state, int schema) {
  std::filesystem::create_directories(state);
  execute(state / "scanflow.db",
          read(SCANFLOW_SOURCE_DIR "/tests/unit/store/schema" + std::to_string(schema) + ".sql"));
}

class Upgrade : public testing::TestWithParam<std::tuple<int, std::string>> {};

TEST_P(Upgrade, InterruptedAnywhereLeavesWhatWorks) {
  const auto& [schema, kind] = GetParam();
  const int stride =
      std::getenv("SCANFLOW_KILLS") == nullptr ? 25 : 3;  // the ordinary suite is quick
  for (int k = 1; k <= kMostMigrationWrites; k += stride) {
    const std::string fault = kind + ":" + std::to_string(k);
    SCOPED_TRACE(fault);
    Trial trial(scenario("short"));
    write_old(trial.scanflow().state(), schema);
    const Output first = trial.live(0, fault);
    const bool happened = trial.fault_happened();
    EXPECT_TRUE(first.exit == 0 || first.exit == 3 || first.exit == kKilled) << first.err;
    const Output second = trial.live(0);
    EXPECT_EQ(second.exit, 0) << second.err;
    const Record record(trial.scanflow().state());
    EXPECT_EQ(record.runs().size(), 3u);
    EXPECT_EQ(record.integrity(), "ok");
    if (!happened || HasFailure()) return;
  }
  FAIL() << "there was no end of it";
}

INSTANTIATE_TEST_SUITE_P(OfSchema, Upgrade,
                         testing::Combine(testing::Values(1, 2, 3),
                                          testing::Values("kill-in-write", "full", "write")));

TEST(Downgrade, ANewerStateDirectoryIsNotTouched) {
  Trial trial(scenario("short"));
  ASSERT_EQ(trial.live(0).exit, 0);
  const std::filesystem::path database = trial.scanflow().state() / "scanflow.db";
  execute(database, "PRAGMA user_version = 99");
  const std::string before = read(database);
  const Output run = trial.scanflow()({"run", trial.scanflow().files() / "short0.yaml"});
  EXPECT_EQ(run.exit, 3);
  EXPECT_NE(run.err.find("written by a newer Scanflow (schema 99"), std::string::npos) << run.err;
  EXPECT_NE(run.err.find("--state"), std::string::npos) << run.err;
  EXPECT_NE(trial.scanflow()({"runs", "list"}).exit, 0);
  EXPECT_EQ(read(database), before);
  EXPECT_EQ(read(database.string() + "-wal"), "");  // where a reader has made one
}

}  // namespace
}  // namespace scanflow::test
