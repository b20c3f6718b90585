// The graph of a run as SVG.
#pragma once

#include <string>
#include <vector>

#include "plugins/steps/report/document.hpp"

namespace scanflow::report {

/// A box of the drawing: a step, or all instances of one matrix where there are too many.
struct Box {
  std::string title, detail, status, tooltip;
  std::vector<std::size_t> needs;  // indices of boxes
  std::size_t step = 0;            // index of the (first) step: where a click leads
};

/// The boxes of one phase; a need on another phase is left out.
std::vector<Box> boxes_of(const RunRecord& run, const std::string& phase, std::size_t most);

/// Main steps, and below them the handlers of each phase in a frame of their own. Nodes lead to
/// "#step-INDEX". Empty, with a sentence instead, where even grouped it is too large to see.
std::string dag_svg(const RunRecord& run);

}  // namespace scanflow::report
