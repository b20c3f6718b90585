// What runs now, and how it fares: for whoever looks on. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/backend/pod_status.hpp"
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
  /// run_facts.hpp's pod_document; null: it is in none. Of an injected Pod {"name", "injected": true}; its
  /// run is then the Pod's uid, its pipeline the namespace, its step the container.
  json pod;
  bool hedge = false;                     // it began beside another attempt of the step
  std::string stopping;                   // why it is being stopped; empty: it is not
  bool observed = false;                  // a sidecar can act on it
  std::vector<std::string> offers;        // its own commands
  std::optional<store::CommandRow> last;  // what was asked of it last
};

/// {"time_us", "attempts": [{"run", "pipeline", "step", "attempt", "started_us", "hedge", "stopping" (why), "progress" ({"fraction",
/// "message"}), "pod", "observed", "memory_bytes", "memory_limit_bytes", "cpu_cores", "paused", "throttle_share",
/// "metrics": [{"name", "labels", "value", "time_us"}], "offers": [NAME], "last": command_document}],
/// "pods": [{"name", "node", "run", "step", "attempt" (null: it is kept, and waits for a step), "uses", "most_uses",
/// "age_us", "most_age_us" (0: any), "idle_us", "most_idle_us"}]}. What is not known is null. `recent`: null:
/// nothing was heard of any.
json top_document(const std::vector<RunningAttempt>& attempts,
                  const std::vector<backend::PodStatus>& pods, const knowledge::Knowledge* recent,
                  std::int64_t now_us);

}  // namespace scanflow::runtime
