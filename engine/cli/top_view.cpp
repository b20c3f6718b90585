#include "engine/cli/top_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "engine/cli/primitive_commands.hpp"
#include "engine/cli/text.hpp"
#include "engine/cli/top_columns.hpp"
#include "sdk/base/units.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::cli {
namespace {

constexpr std::size_t kHigh = 16;  // rows from which on there is room for details
constexpr std::size_t kDetails = 3;
constexpr std::size_t kMostKept = 3;  // lines

/// The longest that fits.
constexpr std::array<std::string_view, 3> kLegends{
    "j k select   p pause   r resume   s checkpoint   x cancel its run   sort: c CPU  m memory  t "
    "time  "
    "n name   q quit",
    "j k select  p pause  r resume  s checkpoint  x cancel  sort: c m t n  q quit",
    "j k  p r s x  sort c m t n  q quit",
};

std::string legend(std::size_t columns) {
  for (const std::string_view each : kLegends) {
    if (width_of(each) <= columns) return std::string(each);
  }
  return fit("q quit", columns);
}

/// A screen may lack what takes more than it needs.
bool has_details(const TopScreen& screen) { return screen.rows >= kHigh; }
bool has_head(const TopScreen& screen) { return screen.rows >= 6; }

class Lines {
 public:
  explicit Lines(const TopScreen& screen) : screen_(screen) {}

  void add(const std::string& text, Color color = Color::none) {
    lines_.push_back(paint(trimmed(fit(text, screen_.columns)), color, screen_.color));
  }
  void raw(std::string line) { lines_.push_back(std::move(line)); }
  void fill_to(std::size_t rows) {
    while (lines_.size() < rows) lines_.emplace_back();
  }
  std::vector<std::string> take() {
    if (lines_.size() > screen_.rows) lines_.resize(screen_.rows);
    return std::move(lines_);
  }

 private:
  const TopScreen& screen_;
  std::vector<std::string> lines_;
};

std::string aligned(const std::string& cell, std::size_t width, bool right) {
  const std::string blanks(width - std::min(width, width_of(cell)), ' ');
  return right ? blanks + cell : cell + blanks;
}

std::string titles(const TopLayout& layout, TopSort sort, Letters letters) {
  std::string line = "  ";
  for (const auto& [column, width] : layout.columns) {
    std::string title(title_of(column));
    if (is_sorted_by(column, sort))
      title += letters == Letters::ascii ? "v" : sort == TopSort::name ? "▴" : "▾";
    line += aligned(fit(title, width), width, is_right(column)) + std::string(layout.gap, ' ');
  }
  return std::string(trimmed(line));
}

/// The beginning of an id is what is typed; the end of a step's name tells instances apart.
std::string cut(const std::string& text, TopColumn column, std::size_t width) {
  if (column == TopColumn::run) return text.substr(0, width);
  return column == TopColumn::step ? fit_middle(text, width) : fit(text, width);
}

std::string row_line(const TopRow& row, bool selected, const TopLayout& layout,
                     const TopScreen& screen) {
  const bool colors = screen.color && !selected;  // a painted cell would end the reversed row
  std::string line = !selected ? "  " : screen.letters == Letters::unicode ? "▸ " : "> ";
  for (const auto& [column, width] : layout.columns) {
    const TopCell cell = cell_of(row, column, screen.letters);
    const std::string text = aligned(cut(cell.text, column, width), width, is_right(column));
    line += paint(text, cell.color, colors) + std::string(layout.gap, ' ');
  }
  line = std::string(trimmed(line));
  if (!selected || !screen.color) return line;
  return "\033[7m" + pad(line, screen.columns) + "\033[0m";
}

void add_rows(const std::vector<TopRow>& rows, const TopState& state, const TopScreen& screen,
              std::size_t page, Lines& lines) {
  const TopLayout layout = layout_of(rows, screen.columns);
  lines.add(titles(layout, state.sort, screen.letters), Color::bold);
  // The page moves as little as it must.
  const std::size_t first = state.selected < page ? 0 : state.selected - page + 1;
  const std::size_t end = std::min(rows.size(), first + page);
  for (std::size_t i = first; i < end; ++i)
    lines.raw(row_line(rows[i], i == state.selected, layout, screen));
}

void add_details(const TopRow& row, Lines& lines) {
  const std::string pod = pod_words(row.pod);
  lines.add(fmt::format("{}  {}  {}  attempt {}{}", short_id(row.run), row.pipeline,
                        printable(row.step), row.attempt, pod.empty() ? "" : "  " + pod),
            Color::bold);
  const std::string metrics = metrics_text(row);
  lines.add("  " + row.message + (row.message.empty() || metrics.empty() ? "" : "  ") + metrics);
  std::string words = row.observed ? row.offers.empty() ? "" : "offers " + row.offers
                                   : "no sidecar has seen it yet";
  if (row.last.is_object()) words += (words.empty() ? "" : "; ") + primitive_line(row.last);
  lines.add("  " + words, Color::dim);
}

void add_status(const TopState& state, Lines& lines) {
  if (!state.cancels.empty()) {
    lines.add(fmt::format("cancel run {} with all of its steps? y: yes; any other key: no",
                          short_id(state.cancels)),
              Color::yellow);
  } else {
    lines.add(printable(state.status), state.trouble ? Color::red : Color::none);
  }
}

}  // namespace

std::size_t page_of(const TopScreen& screen, std::size_t kept) {
  // Head, titles, status, legend; a blank line stands before the table, kept Pods and the details.
  const std::size_t said = kept > 0 ? std::min(kept, kMostKept) + 1 : 0;
  const std::size_t taken =
      (has_head(screen) ? 2 : 0) + 3 + (has_details(screen) ? kDetails + 2 + said : 0);
  return std::max<std::size_t>(screen.rows > taken ? screen.rows - taken : 0, 1);
}

std::string top_summary(const std::vector<TopRow>& rows, const std::vector<KeptPod>& kept) {
  const std::string pods = kept.empty() ? "" : "; " + kept_summary(kept);
  if (rows.empty()) return "nothing runs now" + pods;
  std::set<std::string> runs;
  double cpu = 0, memory = 0;
  std::size_t observed = 0;
  for (const TopRow& row : rows) {
    runs.insert(row.run);
    cpu += row.cpu.value_or(0);
    memory += row.memory.value_or(0);
    observed += row.observed ? 1 : 0;
  }
  const auto many = [](std::size_t count, const char* what) {
    return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
  };
  return fmt::format("{}, {}, CPU {:.2f}, memory {}; {}{}", many(runs.size(), "run"),
                     many(rows.size(), "attempt"), cpu,
                     format_bytes(static_cast<std::uint64_t>(memory)),
                     observed == 0             ? "no sidecar is connected"
                     : observed == rows.size() ? "sidecar connected"
                                               : fmt::format("a sidecar sees {} of them", observed),
                     pods);
}

std::vector<std::string> top_lines(const std::vector<TopRow>& rows,
                                   const std::vector<KeptPod>& kept, const TopState& state,
                                   const std::string& place, std::int64_t stale_us,
                                   const TopScreen& screen) {
  Lines lines(screen);
  if (has_head(screen)) {
    std::string head =
        "scanflow top  " + fit_middle(place, std::max<std::size_t>(screen.columns, 34) - 14);
    if (stale_us > 0) head = fmt::format("no news for {}  {}", format_duration(stale_us), head);
    lines.add(head, stale_us > 0 ? Color::red : Color::bold);
    lines.add(top_summary(rows, kept));
  }
  if (has_details(screen)) lines.add("");
  if (rows.empty()) {
    lines.add("  Steps show here as soon as they run: 'scanflow run FILE' begins some.",
              Color::dim);
  } else {
    add_rows(rows, state, screen, page_of(screen, kept.size()), lines);
  }
  if (has_details(screen)) {
    const auto said = kept_lines(kept, kMostKept);
    if (!said.empty()) lines.fill_to(screen.rows - kDetails - 3 - said.size());
    for (const std::string& line : said) lines.add(line, Color::dim);
    lines.fill_to(screen.rows - kDetails - 2);
    if (!rows.empty()) add_details(rows[std::min(state.selected, rows.size() - 1)], lines);
  }
  lines.fill_to(screen.rows > 2 ? screen.rows - 2 : 0);
  add_status(state, lines);
  lines.add(legend(screen.columns), Color::dim);
  return lines.take();
}

std::string top_table(const std::vector<TopRow>& rows, std::size_t width) {
  if (rows.empty()) return {};
  std::vector<TopColumn> columns{
      TopColumn::run, TopColumn::step,   TopColumn::attempt, TopColumn::state,   TopColumn::time,
      TopColumn::cpu, TopColumn::memory, TopColumn::limit,   TopColumn::metrics, TopColumn::last};
  if (std::any_of(rows.begin(), rows.end(),
                  [](const TopRow& row) { return row.pod.is_object(); })) {
    columns.push_back(TopColumn::pod);
  }
  std::vector<std::string> header;
  std::vector<std::size_t> right;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    header.emplace_back(title_of(columns[i]));
    if (is_right(columns[i])) right.push_back(i);
  }
  std::vector<std::vector<std::string>> cells;
  for (const TopRow& row : rows) {
    auto& line = cells.emplace_back();
    for (const TopColumn column : columns)
      line.push_back(cell_of(row, column, Letters::unicode).text);
  }
  return table(header, cells, width, right);
}

}  // namespace scanflow::cli
