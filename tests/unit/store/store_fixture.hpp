// A store in a directory of its own, for the tests of engine/store.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/store/store.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::store {

/// Waits for the commit.
inline Result<void> commit(Store& store, Batch batch) {
  auto done = std::make_shared<std::promise<Result<void>>>();
  store.commit(std::move(batch), [done](const Result<void>& result) { done->set_value(result); });
  return done->get_future().get();
}

/// By another program, beside the store.
inline void execute(const std::filesystem::path& file, const char* sql) {
  sqlite3* handle = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &handle), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(handle, sql, nullptr, nullptr, nullptr), SQLITE_OK)
      << sqlite3_errmsg(handle);
  sqlite3_close(handle);
}

class StoreFixture : public testing::Test {
 protected:
  void SetUp() override { open(); }
  /// As another process would, after this one ended.
  void open() {
    store_.reset();
    auto opened = Store::open(directory_.path(), Durability::process);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }
  Result<void> commit(Batch batch) { return store::commit(*store_, std::move(batch)); }

  test::TempDir directory_;
  std::unique_ptr<Store> store_;
};

inline std::vector<std::string> ids(const Result<std::vector<RunRow>>& runs) {
  std::vector<std::string> all;
  EXPECT_TRUE(runs) << runs.error().message;
  for (const RunRow& run : runs.value_or(std::vector<RunRow>())) all.push_back(run.id);
  return all;
}

}  // namespace scanflow::store
