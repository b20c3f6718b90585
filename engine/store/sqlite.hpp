// The few things we need of SQLite's C interface, with owners and readable errors. For engine/store, and
// engine/track, whose tables lie in the same database.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "sdk/base/result.hpp"

namespace scanflow::store {

/// One connection; used by one thread at a time.
class Connection {
 public:
  enum class Mode { write, read };
  /// For reading: also from a directory that cannot be written, where no writer left a log.
  static Result<Connection> open(const std::filesystem::path& file, Mode mode);

  sqlite3* handle() const { return handle_.get(); }
  /// Statements without parameters and results; several may follow each other.
  Result<void> execute(const char* sql, std::string_view what = "cannot use") const;
  /// The first column of the first row, 0 where there is none.
  Result<std::int64_t> query_int(const char* sql) const;
  Result<std::string> query_text(const char* sql) const;
  /// What the last call on this connection failed with: path, reason, and the fix.
  Error error(std::string_view what) const;

 private:
  static Result<Connection> open(const std::filesystem::path& file, const std::string& uri,
                                 int flags);

  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  std::filesystem::path file_;
  std::unique_ptr<sqlite3, Close> handle_;
};

/// Of a statement that is put together while the program runs.
using Parameter = std::variant<std::int64_t, double, std::string>;

/// A prepared statement, used again and again.
class Statement {
 public:
  static Result<Statement> prepare(const Connection& connection, const char* sql);

  /// Begins anew with these parameters, from ?1 on. Texts must live until the next `bind`.
  template <class... Values>
  Statement& bind(const Values&... values) {
    sqlite3_reset(handle_.get());
    [[maybe_unused]] int index = 0;
    (bind_one(++index, values), ...);
    return *this;
  }
  /// The same with parameters whose number is not known before.
  Statement& bind_all(const std::vector<Parameter>& parameters) {
    sqlite3_reset(handle_.get());
    int index = 0;
    for (const Parameter& parameter : parameters) {
      ++index;
      std::visit([&](const auto& value) { bind_one(index, value); }, parameter);
    }
    return *this;
  }
  /// True: there is a row. False: no more, or a failure: see ok().
  bool next() {
    code_ = sqlite3_step(handle_.get());
    if (code_ == SQLITE_ROW) return true;
    sqlite3_reset(handle_.get());
    return false;
  }
  /// Runs to the end; false: it failed.
  bool run() {
    while (next()) {
    }
    return ok();
  }
  bool ok() const { return code_ == SQLITE_DONE || code_ == SQLITE_ROW; }

  /// A column of the current row, from 0.
  template <class Value>
  Value column(int index) const {
    if constexpr (std::is_floating_point_v<Value>) {  // what is not a number is NULL in SQLite
      if (sqlite3_column_type(handle_.get(), index) == SQLITE_NULL)
        return std::numeric_limits<Value>::quiet_NaN();
      return sqlite3_column_double(handle_.get(), index);
    } else if constexpr (std::is_integral_v<Value>) {
      return static_cast<Value>(sqlite3_column_int64(handle_.get(), index));
    } else {
      const auto* bytes = sqlite3_column_text(handle_.get(), index);
      if (bytes == nullptr) return {};
      return {reinterpret_cast<const char*>(bytes),
              static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), index))};
    }
  }
  /// Its first columns, as many as there are values.
  template <class... Values>
  void read(Values&... values) const {
    int index = 0;
    ((values = column<Values>(index++)), ...);
  }

 private:
  template <class Value>
  void bind_one(int index, const Value& value) {
    if constexpr (std::is_floating_point_v<Value>) {
      sqlite3_bind_double(handle_.get(), index, value);
    } else if constexpr (std::is_integral_v<Value>) {
      sqlite3_bind_int64(handle_.get(), index, static_cast<std::int64_t>(value));
    } else {
      const std::string_view text(value);
      sqlite3_bind_text64(handle_.get(), index, text.data(), text.size(), SQLITE_STATIC,
                          SQLITE_UTF8);
    }
  }

  struct Finalize {
    void operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
  int code_ = SQLITE_DONE;
};

}  // namespace scanflow::store
