// Who sets a workload's replica count: a HorizontalPodAutoscaler, a ScaledObject of KEDA's, or nobody. Pure.
#pragma once

#include <optional>
#include <vector>

#include "engine/orchestrate/change.hpp"

namespace scanflow::orchestrate {

struct Scaler {
  Target target;
  json object;

  bool is_keda() const { return target.kind.kind == "ScaledObject"; }
  /// As Kubernetes and KEDA have them where nothing is said.
  std::int64_t least() const;
  std::int64_t most() const;
  /// KEDA's annotation paused-replicas, which then counts, or `paused`, by which it lets the count alone.
  bool is_fixed() const;
  bool is_paused() const;
};

/// An HPA that KEDA has made is its ScaledObject's affair.
std::optional<Scaler> scaler_of(const Target& workload, const std::vector<json>& autoscalers,
                                const std::vector<json>& scaled_objects);

/// What becomes of it so that there are `replicas`: at least ("floor"), or exactly ("fixed").
Change change_of(const Scaler& scaler, std::int64_t replicas, bool fixed);

}  // namespace scanflow::orchestrate
