// Events that agents may wait for (engine/control), each written in the transaction that makes it true. For engine/store,
// engine/track and engine/control.
#pragma once

#include <cstdint>
#include <string>

#include "engine/store/rows.hpp"
#include "engine/store/sqlite.hpp"

namespace scanflow::store {

inline constexpr std::int64_t kMostHappenings = 100'000;  // the newest are kept

struct HappeningRow {
  std::string type, source;    // "drift.noticed"; "NAMESPACE/AGENT", "engine", ...
  std::int64_t time_us = 0;    // since 1970
  int depth = 0;               // how many rules have led to it, each by an event
  std::string origin;          // two of one are one; empty: of nobody who asks twice
  std::string payload = "{}";  // JSON
};
/// Gives its number; of one that was told before, that of then.
Result<std::int64_t> add_happening(const Connection& connection, const HappeningRow& row);

/// The field of a tracker's request that says from which decision it follows.
inline constexpr const char* kDecisionField = "scanflow_decision";

/// RunRow::trigger of a run that a rule has asked for.
std::string trigger_of(const std::string& agent, const std::string& decision);

// What the engine tells by itself (source: "engine").

/// run.ended {"run", "namespace", "name", "status", "trigger", "outputs" (of its pipeline), "summary"}, with "agent" and
/// "decision" of one that a rule has asked for. Nothing of a run that goes on, or that another one has called.
Result<void> tell_run(const Connection& connection, const RunRow& run);
/// model.version {"name", "version", "run", "step", "metrics", "source"}; `key`: of model_versions.
Result<void> tell_model_version(const Connection& connection, std::int64_t key,
                                std::int64_t time_us);
/// model.alias {"name", "alias", "version", "before"}. `before`: the version that had it; 0: none had. `decision`: that
/// has asked for it; empty: none has.
Result<void> tell_model_alias(const Connection& connection, std::int64_t model,
                              const std::string& alias, std::int64_t version, std::int64_t before,
                              const std::string& decision, std::int64_t time_us);
/// tracked_run.ended {"id", "experiment", "name", "status", "metrics" (the newest of each), "params"}. `key`: of
/// tracked_runs.
Result<void> tell_tracked_run(const Connection& connection, std::int64_t key, std::int64_t time_us);

}  // namespace scanflow::store
