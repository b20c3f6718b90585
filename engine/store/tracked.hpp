// What steps log, as runs of experiments (engine/track reads them): an experiment for each pipeline, a run of it for each
// run, and below that one for each attempt that logs anything. Private to engine/store; used by the writer's thread.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "engine/store/metric_points.hpp"
#include "engine/store/sqlite.hpp"
#include "engine/store/store.hpp"

namespace scanflow::store {

class Tracked {
 public:
  static Result<std::unique_ptr<Tracked>> prepare(const Connection& connection);

  // `run`: runs.key.

  /// An attempt is about to log: what it and its run were started with.
  Result<void> begin(const Connection& connection, std::int64_t run, const TrackedRow& row);
  Result<void> write(const Connection& connection, std::int64_t run, const MetricRow& row);
  /// How a step or a run stands.
  Result<void> update(const Connection& connection, std::int64_t run, const StepRow& row);
  Result<void> update(const Connection& connection, std::int64_t run, const RunRow& row);

 private:
  /// tracked_runs.key; made where there is none. Step "": of the run itself.
  Result<std::int64_t> find_or_make(const Connection& connection, std::int64_t run,
                                    const std::string& step, std::uint32_t attempt);
  Result<std::int64_t> make(const Connection& connection, std::int64_t run, const std::string& step,
                            std::uint32_t attempt);
  Result<std::int64_t> series_of(const Connection& connection, std::int64_t run,
                                 const MetricRow& row);
  Result<void> tell_ended(const Connection& connection, std::int64_t run, const std::string& step,
                          std::uint32_t attempt, std::int64_t time_us);
  /// Is anything of it tracked?
  Result<bool> is_tracked(const Connection& connection, std::int64_t run);

  Statement find_, tracked_;
  MetricPoints points_;
  std::unordered_map<std::string, std::int64_t> series_;  // of those that log now
  std::unordered_map<std::int64_t, bool> runs_;  // unfinished: is anything of them tracked?
};

/// Some rows of a run that is deleted. False: there are none any more.
Result<bool> purge_tracked(const Connection& connection, std::int64_t run, std::int64_t most);

}  // namespace scanflow::store
