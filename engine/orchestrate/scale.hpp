// `scale`: how many Pods a workload has, by whoever sets that.
#pragma once

#include <optional>

#include "engine/orchestrate/scaler.hpp"

namespace scanflow::orchestrate {

class Session;

/// What is known of a workload when it is decided.
struct Scaled {
  Target target;
  json object;  // itself
  json scale;   // its subresource
  std::optional<Scaler> scaler;
};
/// Pure. `arguments`: {"replicas", "autoscaler": "floor", "fixed" or "refuse", "force"}.
Planned plan_scale(const Scaled& now, const json& arguments);

Outcome scale(Session& session);

/// HPAs and ScaledObjects of its namespace are looked at.
tl::expected<std::optional<Scaler>, Outcome> find_scaler(Session& session);

}  // namespace scanflow::orchestrate
