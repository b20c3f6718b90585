// What the front says of its services, for Prometheus. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/serve/front.hpp"

namespace scanflow::serve {

std::string metrics_text(const std::vector<std::pair<ServiceName, ServiceCounts>>& services);

}  // namespace scanflow::serve
