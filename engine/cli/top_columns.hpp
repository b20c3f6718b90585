// The columns of `scanflow top`, and which of them a terminal has room for. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "engine/cli/pictures.hpp"
#include "engine/cli/text.hpp"
#include "engine/cli/top_rows.hpp"

namespace scanflow::cli {

enum class TopColumn {
  run,
  step,
  attempt,
  state,
  time,
  progress,
  cpu,
  memory,
  used,
  limit,
  metrics,
  last,
  pod
};

struct TopCell {
  std::string text;
  Color color = Color::none;
};

/// More of its limit than this is worth a warning.
constexpr double kNearLimit = 0.9;

std::string_view title_of(TopColumn column);
bool is_right(TopColumn column);
/// Does the order of the rows follow it?
bool is_sorted_by(TopColumn column, TopSort sort);
TopCell cell_of(const TopRow& row, TopColumn column, Letters letters);

struct TopLayout {
  std::vector<std::pair<TopColumn, std::size_t>> columns;  // in their order, each with its width
  std::size_t gap = 1;                                     // blanks between them
};
/// What matters most, as much of it as fits.
TopLayout layout_of(const std::vector<TopRow>& rows, std::size_t columns);

}  // namespace scanflow::cli
