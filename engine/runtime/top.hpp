// What runs now, and how it fares: for whoever looks on. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/knowledge/knowledge.hpp"
#include "engine/store/rows.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::runtime {

using nlohmann::json;

/// What the engine itself knows of an attempt that runs.
struct RunningAttempt {
  protocol::AttemptId id;
  std::string pipeline;
  std::int64_t started_us = 0;
  std::uint64_t memory_limit = 0;  // bytes, that the step asked for; 0: none
  protocol::Progress progress;
  bool observed = false;                  // a sidecar can act on it
  std::vector<std::string> offers;        // its own commands
  std::optional<store::CommandRow> last;  // what was asked of it last
};

/// {"time_us", "attempts": [{"run", "pipeline", "step", "attempt", "started_us", "progress" ({"fraction",
/// "message"}), "observed", "memory_bytes", "memory_limit_bytes", "cpu_cores", "paused", "throttle_share",
/// "metrics": [{"name", "labels", "value", "time_us"}], "offers": [NAME], "last": command_document}]}.
/// What is not known is null. `recent`: null: nothing was heard of any.
json top_document(const std::vector<RunningAttempt>& attempts, const knowledge::Knowledge* recent,
                  std::int64_t now_us);

}  // namespace scanflow::runtime
