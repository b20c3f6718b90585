// SQL for calls of the tracker: what fails throws Refused. Private to engine/track.
#pragma once

#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/store/execute.hpp"
#include "engine/track/request.hpp"
#include "engine/track/search_sql.hpp"

namespace scanflow::track {

class Db {
 public:
  explicit Db(const store::Connection& connection) : connection_(connection) {}

  store::Statement prepare(const std::string& sql) const {
    return whole(store::Statement::prepare(connection_, sql.c_str()));
  }
  /// Whether there is one more row.
  bool next(store::Statement& statement) const {
    if (statement.next()) return true;
    check(statement.ok());
    return false;
  }
  void run(store::Statement& statement) const {
    while (next(statement)) {
    }
  }
  /// `use` is called with each row.
  template <class Use, class... Values>
  void each(const char* sql, Use use, const Values&... values) const {
    store::Statement statement = prepare(sql);
    statement.bind(values...);
    while (next(statement)) use(statement);
  }
  /// The first column of the first row.
  template <class Type, class... Values>
  std::optional<Type> one(const char* sql, const Values&... values) const {
    store::Statement statement = prepare(sql);
    statement.bind(values...);
    if (!next(statement)) return std::nullopt;
    return statement.column<Type>(0);
  }
  /// How many rows it changed.
  template <class... Values>
  std::int64_t change(const char* sql, const Values&... values) const {
    return whole(store::change(connection_, sql, values...));
  }
  std::int64_t last_key() const { return sqlite3_last_insert_rowid(connection_.handle()); }

  /// For what the store does by itself.
  const store::Connection& connection() const { return connection_; }
  template <class Type>
  static Type whole(Result<Type> result) {
    if (!result) throw Refused{{Code::internal, std::move(result.error().message)}};
    if constexpr (!std::is_void_v<Type>) return std::move(*result);
  }

 private:
  void check(bool ok) const {
    if (!ok) throw Refused{{Code::internal, connection_.error("cannot read").message}};
  }

  const store::Connection& connection_;
};

}  // namespace scanflow::track
