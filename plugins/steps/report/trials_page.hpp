// The report of trials: one HTML page without any outside resource.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugins/steps/report/trials.hpp"

namespace scanflow::report {

/// Pure. `trials`: by scenario, at least one.
std::string make_trials_page(const std::vector<Trial>& trials, std::int64_t now_us);
/// The same in a few lines for a terminal.
std::string trials_summary(const std::vector<Trial>& trials);

}  // namespace scanflow::report
