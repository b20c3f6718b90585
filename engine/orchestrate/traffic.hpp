// `set_traffic`: how requests are shared out among services, by a route's weights. Pure.
#pragma once

#include "engine/orchestrate/change.hpp"

namespace scanflow::orchestrate {

/// Of an HTTPRoute (Gateway API) or a VirtualService (Istio). `arguments`: {"weights": {SERVICE: integer}, "rule":
/// which of several, from 0}. Of a VirtualService a subset is "HOST/SUBSET", or its own name alone.
Planned plan_traffic(const Target& target, const json& route, const json& arguments);

/// Services and weights of a rule, in order: [{"service", "weight"}].
json weights_of(const Target& target, const json& rule);

}  // namespace scanflow::orchestrate
