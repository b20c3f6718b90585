// When each step ran: bars over time, as SVG.
#pragma once

#include <string>

#include "plugins/steps/report/document.hpp"

namespace scanflow::report {

/// One row per step that started (but not the one that writes the report), in the order of their
/// starts; with very many, the longest ones. Empty where nothing started.
std::string timeline_svg(const RunRecord& run);

}  // namespace scanflow::report
