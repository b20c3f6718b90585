#include "engine/cli/top_columns.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "engine/cli/pod_view.hpp"
#include "sdk/base/units.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::cli {
namespace {

struct Described {
  TopColumn column;
  std::string_view title;
  std::size_t width;
  bool right;
  std::size_t rank;  // lower ones are shown first where there is little room
};

// In the order in which they stand. Widths hold the longest usual text, and the sign of the order.
constexpr std::array<Described, 13> kColumns{{
    {TopColumn::run, "RUN", 8, false, 6},
    {TopColumn::step, "STEP", 12, false, 0},
    {TopColumn::attempt, "TRY", 3, true, 7},
    {TopColumn::state, "STATE", 14, false, 1},
    {TopColumn::time, "TIME", 9, true, 4},
    {TopColumn::progress, "PROGRESS", 10, false, 5},
    {TopColumn::cpu, "CPU", 5, true, 3},
    {TopColumn::memory, "MEM", 9, true, 2},
    {TopColumn::used, "OF LIMIT", 10, false, 8},
    {TopColumn::limit, "LIMIT", 9, true, 11},
    {TopColumn::metrics, "METRICS", 16, false, 9},
    {TopColumn::last, "LAST ASKED", 16, false, 10},
    {TopColumn::pod, "POD", 29, false, 12},
}};
constexpr std::size_t kMarker = 2;     // of the selected row
constexpr std::size_t kWide = 140;     // from here on there is air between columns
constexpr std::size_t kMostStep = 40;  // columns
constexpr std::size_t kMostMetrics = 60;
constexpr std::size_t kWholeRun = 18;  // of short_id

const Described& described(TopColumn column) {
  return kColumns.at(static_cast<std::size_t>(column));
}

std::string share_bar(double share, Letters letters) {
  constexpr std::size_t kBar = 5;
  return fmt::format("{} {:>3.0f}%", bar(share, kBar, letters), std::min(share, 9.99) * 100);
}

std::string bytes_cell(double value) {
  return format_bytes(static_cast<std::uint64_t>(std::max(value, 0.0)));
}

std::string last_asked(const TopRow& row) {
  if (!row.last.is_object()) return {};
  const auto& outcome = row.last.at("outcome");
  return printable(fmt::format("{} {}", row.last.value("primitive", ""),
                               outcome.is_string() ? outcome.get<std::string>() : "..."));
}

Color color_of_outcome(const TopRow& row) {
  if (!row.last.is_object() || row.last.at("outcome").is_null()) return Color::yellow;
  return row.last.at("outcome") == "DONE" ? Color::none : Color::red;
}

Color color_of_use(const TopRow& row) {
  return row.used().value_or(0) > kNearLimit ? Color::red : Color::none;
}

/// Gives what is left to whoever can use it.
void widen(TopLayout& layout, TopColumn column, std::size_t wanted, std::size_t& left) {
  for (auto& [each, width] : layout.columns) {
    if (each != column || wanted <= width) continue;
    const std::size_t more = std::min(left, wanted - width);
    width += more;
    left -= more;
  }
}

}  // namespace

std::string_view title_of(TopColumn column) { return described(column).title; }
bool is_right(TopColumn column) { return described(column).right; }

bool is_sorted_by(TopColumn column, TopSort sort) {
  switch (sort) {
    case TopSort::cpu:
      return column == TopColumn::cpu;
    case TopSort::memory:
      return column == TopColumn::memory;
    case TopSort::time:
      return column == TopColumn::time;
    case TopSort::name:
      return column == TopColumn::step;
  }
  return false;
}

TopCell cell_of(const TopRow& row, TopColumn column, Letters letters) {
  switch (column) {
    case TopColumn::run:
      return {short_id(row.run), Color::dim};
    case TopColumn::step:
      return {printable(row.step)};
    case TopColumn::attempt:
      return {std::to_string(row.attempt), row.attempt > 1 ? Color::yellow : Color::none};
    case TopColumn::state:
      return {row.state, row.held ? Color::yellow : Color::green};
    case TopColumn::time:
      return {format_duration(row.lasted_us)};
    case TopColumn::progress:
      return {row.progress ? share_bar(*row.progress, letters) : ""};
    case TopColumn::cpu:
      return {row.cpu ? fmt::format("{:.{}f}", *row.cpu, *row.cpu < 99.995 ? 2 : 0) : "-"};
    case TopColumn::memory:
      // The sign says it where there are no colours.
      return {
          row.memory ? bytes_cell(*row.memory) + (color_of_use(row) == Color::red ? "!" : "") : "-",
          color_of_use(row)};
    case TopColumn::used:
      return {row.used() ? share_bar(*row.used(), letters) : "", color_of_use(row)};
    case TopColumn::limit:
      return {row.limit ? bytes_cell(*row.limit) : "-"};
    case TopColumn::metrics:
      return {metrics_text(row)};
    case TopColumn::last:
      return {last_asked(row), color_of_outcome(row)};
    case TopColumn::pod:
      return {pod_cell(row.pod), Color::dim};
  }
  return {};
}

TopLayout layout_of(const std::vector<TopRow>& rows, std::size_t columns) {
  TopLayout layout;
  layout.gap = columns >= kWide ? 2 : 1;
  std::size_t step = 0, metrics = 0;  // columns that they would take
  for (const TopRow& row : rows) {
    step = std::max(step, std::min(width_of(row.step), kMostStep));
    metrics = std::max(metrics, std::min(width_of(metrics_text(row)), kMostMetrics));
  }
  std::array<Described, kColumns.size()> by_rank = kColumns;
  std::sort(by_rank.begin(), by_rank.end(),
            [](const Described& a, const Described& b) { return a.rank < b.rank; });
  std::size_t left = columns > kMarker ? columns - kMarker : 0;
  const bool in_pods =
      std::any_of(rows.begin(), rows.end(), [](const TopRow& row) { return row.pod.is_object(); });
  for (const Described& each : by_rank) {
    if (each.column == TopColumn::pod && !in_pods) continue;
    const std::size_t gap = layout.columns.empty() ? 0 : layout.gap;
    // The step is named however little room there is.
    if (each.width + gap > left && each.rank > 0) break;
    layout.columns.emplace_back(each.column, std::min(each.width, left));
    left -= std::min(each.width + gap, left);
    if (each.column != TopColumn::metrics) continue;
    // Before what ranks behind it.
    widen(layout, TopColumn::step, step, left);
    widen(layout, TopColumn::metrics, metrics, left);
  }
  std::sort(layout.columns.begin(), layout.columns.end());
  widen(layout, TopColumn::step, step, left);
  // The whole of it, or what tells minutes apart.
  if (left + described(TopColumn::run).width >= kWholeRun)
    widen(layout, TopColumn::run, kWholeRun, left);
  return layout;
}

}  // namespace scanflow::cli
