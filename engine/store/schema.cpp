#include "engine/store/schema.hpp"

#include <fmt/format.h>

#include <string>

#include "engine/store/migrations.hpp"

namespace scanflow::store {
namespace {

/// "SFLW": tells our file from another program's.
constexpr std::int64_t kApplicationId = 0x53464c57;

Error newer(std::int64_t found) {
  return {fmt::format(
      "the database was written by a newer Scanflow (schema {}, this one knows {}); use that "
      "version, or choose another state directory with --state",
      found, kSchemaVersion)};
}

/// The version of the tables; 0: none yet. An error where the file is another program's.
Result<std::int64_t> version_of(const Connection& connection) {
  auto version = connection.query_int("PRAGMA user_version");
  if (!version) return version;
  auto application = connection.query_int("PRAGMA application_id");
  if (!application) return application;
  auto tables = connection.query_int("SELECT count(*) FROM sqlite_master");
  if (!tables) return tables;
  if (*application != kApplicationId && *tables > 0) {
    return fail(fmt::format(
        "{} is a database of another program; move it away, or choose another state directory "
        "with --state",
        sqlite3_db_filename(connection.handle(), "main")));
  }
  return version;
}

Result<void> migrate(const Connection& connection, std::int64_t from) {
  if (auto begun = connection.execute("BEGIN IMMEDIATE"); !begun) return begun;
  for (std::int64_t version = from; version < kSchemaVersion; ++version) {
    auto done = connection.execute(kMigrations.at(static_cast<std::size_t>(version)));
    if (!done) {
      sqlite3_exec(connection.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
      return done;
    }
  }
  const std::string stamp = fmt::format(
      "INSERT OR REPLACE INTO meta VALUES ('schema', '{0}');"
      "PRAGMA application_id = {1}; PRAGMA user_version = {0}; COMMIT",
      kSchemaVersion, kApplicationId);
  auto done = connection.execute(stamp.c_str());
  if (!done) sqlite3_exec(connection.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
  return done;
}

}  // namespace

Result<void> prepare_for_writing(const Connection& connection, Durability durability) {
  if (sqlite3_db_readonly(connection.handle(), "main") == 1) {
    return fail(fmt::format(
        "{} is read-only; check its permissions, or choose another state directory with --state",
        sqlite3_db_filename(connection.handle(), "main")));
  }
  const auto version = version_of(connection);
  if (!version) return tl::unexpected(version.error());
  if (*version > kSchemaVersion) return tl::unexpected(newer(*version));

  const auto journal = connection.query_text("PRAGMA journal_mode = WAL");
  if (!journal) return tl::unexpected(journal.error());
  if (*journal != "wal") {
    return fail(fmt::format(
        "{} cannot keep a write-ahead log (it stays in mode {}): is it on a network file system? "
        "Choose a local state directory with --state",
        sqlite3_db_filename(connection.handle(), "main"), *journal));
  }
  auto ready = connection.execute(
      "PRAGMA foreign_keys = OFF; PRAGMA journal_size_limit = 67108864;"
      "PRAGMA temp_store = MEMORY");
  if (!ready) return ready;
  ready = connection.execute(durability == Durability::power ? "PRAGMA synchronous = FULL"
                                                             : "PRAGMA synchronous = NORMAL");
  if (!ready || *version == kSchemaVersion) return ready;
  return migrate(connection, *version);
}

Result<void> prepare_for_reading(const Connection& connection) {
  const auto version = version_of(connection);
  if (!version) return tl::unexpected(version.error());
  if (*version > kSchemaVersion) return tl::unexpected(newer(*version));
  if (*version == 0) return fail("there are no runs in it yet");
  if (*version < kSchemaVersion) {
    return fail(fmt::format(
        "the database has schema {}, older than {}; any command that runs a pipeline migrates it",
        *version, kSchemaVersion));
  }
  return {};
}

}  // namespace scanflow::store
