// `patch`: any object, as far as the allow-list goes. Pure.
#pragma once

#include "engine/orchestrate/allow_list.hpp"
#include "engine/orchestrate/change.hpp"

namespace scanflow::orchestrate {

/// `arguments`: {"patch": a merge patch}.
Planned plan_patch(const Target& target, const json& object, const json& arguments,
                   const AllowList& allowed);

}  // namespace scanflow::orchestrate
