// `rollout_restart` and `place`: a workload's Pod template is changed, and so its next Pods are. Pure.
#pragma once

#include <cstdint>

#include "engine/orchestrate/change.hpp"

namespace scanflow::orchestrate {

/// Where a kind has its Pods' template.
json::json_pointer template_of(const kube::Kind& kind);
/// Does a changed template make new Pods at once? Else why they come later: "updateStrategy is OnDelete".
std::string why_no_rollout(const Target& target, const json& object);

Planned plan_restart(const Target& target, const json& object, std::int64_t wall_us);

/// `arguments`: any of "node_selector", "affinity", "spread", "priority" (each in place of what there is; empty: taken
/// away), "apart" and "even" (topology keys), "hard".
Planned plan_place(const Target& target, const json& object, const json& arguments);

}  // namespace scanflow::orchestrate
