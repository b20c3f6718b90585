// The tables, and the way from older versions of them to this one. Private to engine/store.
#pragma once

#include "engine/store/sqlite.hpp"
#include "engine/store/store.hpp"

namespace scanflow::store {

/// In PRAGMA user_version; raised by one with every migration.
inline constexpr std::int64_t kSchemaVersion = 8;

/// Events and steps of a run lie together, in order, under one integer key without a further index:
/// the number of the run in the upper half, seq or position in the lower.
constexpr std::int64_t row_key(std::int64_t run, std::int64_t number) {
  return run << 32 | (number & 0xffffffff);
}

/// Sets the connection up for writing, and makes or migrates the tables.
Result<void> prepare_for_writing(const Connection& connection, Durability durability);
/// Only checks.
Result<void> prepare_for_reading(const Connection& connection);

}  // namespace scanflow::store
