#include "engine/store/sqlite.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

namespace scanflow::store {
namespace {

/// Another writer holds its lock for a few milliseconds; who waits longer than this has met an
/// engine that the lock file should have kept out.
constexpr int kBusyTimeoutMs = 5000;

std::string_view fix_for(int code) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      return "; free some space, or choose another state directory with --state";
    case SQLITE_IOERR:
      return "; the disk or its file system fails (the kernel's log may say why): mend it, or "
             "choose another state directory with --state";
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      return "; check its permissions and free space, or choose another state directory with "
             "--state";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return "; the file is damaged: restore a backup, or move it away to begin anew";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "; another process holds it: end that one, or choose another state directory with "
             "--state";
    default:
      return "";
  }
}

/// A path as part of a URI.
std::string escaped(const std::string& path) {
  std::string text;
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      text += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace

Result<Connection> Connection::open(const std::filesystem::path& file, Mode mode) {
  if (mode == Mode::write) {
    return open(file, file.string(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  }
  auto connection = open(file, file.string(), SQLITE_OPEN_READONLY);
  if (!connection || connection->query_int("PRAGMA user_version")) return connection;
  // SQLite wants to make its index of the log even for reading. Without a log there is no need.
  const int code = sqlite3_errcode(connection->handle()) & 0xff;
  std::error_code ignored;
  const auto log = std::filesystem::file_size(file.string() + "-wal", ignored);
  if ((code != SQLITE_CANTOPEN && code != SQLITE_READONLY) || (!ignored && log > 0)) {
    return connection;
  }
  return open(file, "file:" + escaped(file.string()) + "?immutable=1",
              SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
}

Result<Connection> Connection::open(const std::filesystem::path& file, const std::string& uri,
                                    int flags) {
  Connection connection;
  connection.file_ = file;
  sqlite3* handle = nullptr;
  // No mutex of SQLite's own: a connection is used by one thread at a time.
  const int code = sqlite3_open_v2(uri.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  connection.handle_.reset(handle);
  if (code != SQLITE_OK) return tl::unexpected(connection.error("cannot open"));
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  return connection;
}

Error Connection::error(std::string_view what) const {
  if (!handle_) return {fmt::format("{} {}: out of memory", what, file_.string())};
  const int code = sqlite3_extended_errcode(handle());
  std::string reason = sqlite3_errmsg(handle());
  const int system = sqlite3_system_errno(handle());
  int fix = code;
  if (const int primary = code & 0xff; primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN) {
    if (system != 0) reason += fmt::format(" ({})", std::generic_category().message(system));
    if (system == ENOSPC || system == EDQUOT) fix = SQLITE_FULL;
  }
  return {fmt::format("{} {}: {}{}", what, file_.string(), reason, fix_for(fix))};
}

Result<void> Connection::execute(const char* sql, std::string_view what) const {
  if (sqlite3_exec(handle(), sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return tl::unexpected(error(what));
}

Result<std::int64_t> Connection::query_int(const char* sql) const {
  auto statement = Statement::prepare(*this, sql);
  if (!statement) return tl::unexpected(statement.error());
  if (statement->next()) return statement->column<std::int64_t>(0);
  if (!statement->ok()) return tl::unexpected(error("cannot read"));
  return 0;
}

Result<std::string> Connection::query_text(const char* sql) const {
  auto statement = Statement::prepare(*this, sql);
  if (!statement) return tl::unexpected(statement.error());
  if (statement->next()) return statement->column<std::string>(0);
  if (!statement->ok()) return tl::unexpected(error("cannot read"));
  return std::string();
}

Result<Statement> Statement::prepare(const Connection& connection, const char* sql) {
  sqlite3_stmt* handle = nullptr;
  if (sqlite3_prepare_v3(connection.handle(), sql, -1, SQLITE_PREPARE_PERSISTENT, &handle,
                         nullptr) != SQLITE_OK) {
    return tl::unexpected(connection.error("cannot use"));
  }
  Statement statement;
  statement.handle_.reset(handle);
  return statement;
}

}  // namespace scanflow::store
