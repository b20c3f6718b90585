// `evict`: a Pod goes, as far as disruption budgets allow it.
#pragma once

#include <vector>

#include "engine/orchestrate/change.hpp"

namespace scanflow::orchestrate {

class Session;

/// Pure. Why a Pod is not evicted without force; nothing: it is.
std::optional<Outcome> why_not_evicted(const Target& target, const json& pod, bool force);
/// Pure. [{"name", "min_available", "max_unavailable", "allowed", "healthy", "desired"}] of those that cover a Pod.
json budgets_of(const json& pod, const std::vector<json>& budgets);

Result<void> check_eviction(const json& arguments);
Outcome evict(Session& session);

}  // namespace scanflow::orchestrate
