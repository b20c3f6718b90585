// `resize`: CPU and memory of a Pod's container, in place; where that cannot be, by recreation through its owner.
#pragma once

#include <string>

#include "engine/orchestrate/resources.hpp"

namespace scanflow::orchestrate {

class Session;

/// Pure. `owner`: the workload whose template makes the Pod anew; `why`: it is not done in place.
Planned plan_recreation(const Target& owner, const json& object, const Resizing& resizing,
                        const std::string& why);

Outcome resize(Session& session);

}  // namespace scanflow::orchestrate
