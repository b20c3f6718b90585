// Runs of experiments as rows, and as MLflow's JSON. Private to engine/track.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/track/calls.hpp"

namespace scanflow::track {

struct RunRow {
  std::int64_t key = 0, experiment = 0;
  std::string id, name, user, status;
  std::int64_t deleted = 0;  // 1: by itself, 2: with its experiment
  std::int64_t started_ms = 0;
  std::optional<std::int64_t> ended_ms;
  std::string artifact_uri;
};

/// Columns of tracked_runs AS t, as read_run() reads them.
extern const char* const kRunColumns;
RunRow read_run(const store::Statement& columns);

/// Of "run_id", or "run_uuid" of older clients.
RunRow run_of(const Session& session, const Fields& request);
/// One that may be written to: it is not deleted.
RunRow active_run_of(const Session& session, const Fields& request);

json info_of(const RunRow& run);
/// Reads what belongs to runs, one after the other: statements are prepared once.
class RunReader {
 public:
  explicit RunReader(const Db& db);
  /// {"info", "data": {"metrics", "params", "tags"}, "inputs", "outputs"}
  json whole(const RunRow& run);

 private:
  const Db& db_;
  store::Statement metrics_, params_, tags_, inputs_;
};

}  // namespace scanflow::track
