// Prometheus's text format. Pure.
#pragma once

#include <string>
#include <vector>

#include "engine/infer/figures.hpp"

namespace scanflow::infer {

/// Each with "scanflow_" before its name.
std::string prometheus_text(const std::vector<Figure>& figures);

}  // namespace scanflow::infer
