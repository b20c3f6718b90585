// `set_autoscaler`: an HPA, or a ScaledObject of KEDA's, is applied for a workload.
#pragma once

#include <optional>

#include "engine/orchestrate/scaler.hpp"

namespace scanflow::orchestrate {

class Session;

/// Pure. `scaler`: who has its replicas now. `arguments`: {"min", "max", "by": "hpa" or "keda", "cpu", "memory",
/// "metrics", "triggers", "behavior", "polling", "cooldown", "force"}.
Planned plan_autoscaler(const Target& target, const json& workload,
                        const std::optional<Scaler>& scaler, const json& arguments);

Result<void> check_autoscaler(const json& arguments);
Outcome set_autoscaler(Session& session);

}  // namespace scanflow::orchestrate
