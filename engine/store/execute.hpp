// Statements that run once: all rows that one gives, or how many it changed. For engine/store and engine/track.
#pragma once

#include <vector>

#include "engine/store/sqlite.hpp"

namespace scanflow::store {

/// Runs the statement with its parameters; `fill` makes a row of each result.
template <class Row, class Fill, class... Values>
Result<std::vector<Row>> collect(const Connection& connection, const char* sql, Fill fill,
                                 const Values&... values) {
  auto statement = Statement::prepare(connection, sql);
  if (!statement) return tl::unexpected(statement.error());
  std::vector<Row> rows;
  statement->bind(values...);
  while (statement->next()) fill(*statement, rows.emplace_back());
  if (!statement->ok()) return tl::unexpected(connection.error("cannot read"));
  return rows;
}

/// The first column of each result.
template <class Type, class... Values>
Result<std::vector<Type>> collect_column(const Connection& connection, const char* sql,
                                         const Values&... values) {
  return collect<Type>(
      connection, sql, [](const Statement& columns, Type& value) { columns.read(value); },
      values...);
}

/// Runs a statement that writes; how many rows it changed.
template <class... Values>
Result<std::int64_t> change(const Connection& connection, const char* sql,
                            const Values&... values) {
  auto statement = Statement::prepare(connection, sql);
  if (!statement) return tl::unexpected(statement.error());
  if (!statement->bind(values...).run()) return tl::unexpected(connection.error("cannot write to"));
  return sqlite3_changes64(connection.handle());
}

}  // namespace scanflow::store
