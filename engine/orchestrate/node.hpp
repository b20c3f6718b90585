// `cordon`: whether a node takes new Pods. Pure.
#pragma once

#include "engine/orchestrate/change.hpp"

namespace scanflow::orchestrate {

/// `arguments`: {"unschedulable": bool}.
Planned plan_cordon(const Target& target, const json& node, const json& arguments);

}  // namespace scanflow::orchestrate
