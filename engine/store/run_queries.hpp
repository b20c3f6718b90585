// Runs, as they are asked for. Private to engine/store.
#pragma once

#include <string>
#include <vector>

#include "engine/store/rows.hpp"
#include "engine/store/sqlite.hpp"

namespace scanflow::store {

/// A statement that reads runs, and its parameters.
struct RunQuery {
  std::string sql;
  std::vector<Parameter> parameters;
};
/// All of the filter but its labels; without those, its limit.
RunQuery query_of(const RunFilter& filter);
RunQuery unfinished_query();

Result<std::vector<RunRow>> read_runs(const Connection& connection, const RunFilter& filter);
Result<std::vector<RunRow>> read_runs_like(const Connection& connection, const std::string& prefix);
Result<std::vector<RunRow>> read_unfinished(const Connection& connection);

struct Retention {
  std::string pipeline, name_space;
  std::size_t keep_count = 0;
  std::int64_t ended_before_us = 0;
};
Result<std::vector<std::string>> read_runs_to_retire(const Connection& connection,
                                                     const Retention& retention);

/// A JSON object of texts; of anything else what is one in it.
Labels labels_of(const std::string& json);

}  // namespace scanflow::store
