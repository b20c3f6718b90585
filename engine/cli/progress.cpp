#include "engine/cli/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "engine/cli/context.hpp"
#include "engine/cli/hint.hpp"
#include "engine/cli/primitive_commands.hpp"
#include "engine/cli/text.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/units.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::cli {
namespace {

constexpr std::int64_t kFrameUs = 100'000;

/// The series that tells most: an accuracy where there is one (of the validation split rather than
/// the training's), else a loss, else the first.
const std::vector<double>* telling(const RunView::Step& step) {
  for (const char* name : {"validation_accuracy", "accuracy", "loss"}) {
    const std::vector<double>* best = nullptr;
    for (const auto& [series, values] : step.metrics) {
      const auto split = series.second.find("split");
      const bool validation = split != series.second.end() && split->second == "validation";
      if (series.first == name && (best == nullptr || validation)) best = &values;
    }
    if (best != nullptr) return best;
  }
  return step.metrics.empty() ? nullptr : &step.metrics.begin()->second;
}

std::size_t name_width(const RunView& view) {
  std::size_t width = std::max<std::size_t>(view.name_columns(), 12);
  for (const auto& step : view.steps()) width = std::max(width, width_of(step.name));
  return width;
}

}  // namespace

ProgressPrinter::ProgressPrinter(Style style, int fd, std::string place)
    : style_(style), fd_(fd), place_(std::move(place)), color_(use_color(fd)) {}

ProgressPrinter::~ProgressPrinter() { finish(); }

void ProgressPrinter::write(const std::string& text) const {
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t n = ::write(fd_, rest.data(), rest.size());
    if (n <= 0) return;  // nobody reads any more
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
}

/// A terminal's half is for names; into a pipe they take what they need.
std::size_t ProgressPrinter::name_columns() const {
  constexpr std::size_t kMostPadding = 60;
  if (style_ != Style::live) return std::min(names_, kMostPadding);
  return std::min(names_, std::max<std::size_t>(12, table_width(fd_) / 2));
}

std::string ProgressPrinter::name_cell(const std::string& name) const {
  const std::size_t columns = name_columns();
  return pad(style_ == Style::live ? fit_middle(name, columns) : name, columns);
}

void ProgressPrinter::header() {
  if (style_ == Style::silent || std::exchange(header_done_, true)) return;
  names_ = name_width(view_);
  write(fmt::format("{}  {}  {}\n", paint(view_.pipeline(), Color::bold, color_),
                    short_id(view_.run()), paint(view_.place(), Color::dim, color_)));
}

void ProgressPrinter::print_step(const RunView::Step& step) {
  if (step.status == "awaiting") {
    const std::string question = step.message.empty() ? "" : ": " + printable(step.message);
    return write(
        fmt::format("  {} {} waits for an approval{}\n      scanflow runs approve {} {}{}\n",
                    paint(status_sign(step.status), Color::yellow, color_), step.name, question,
                    short_id(view_.run()), shell_quoted(step.name), place_));
  }
  const bool ran = step.started_us > 0 && step.ended_us > 0 && step.status != "cached";
  std::string message = printable(step.message);
  if (step.attempts > 1 && !step.hedged)
    message = fmt::format("attempt {}  {}", step.attempts, message);
  const std::size_t width =
      style_ == Style::live ? static_cast<std::size_t>(terminal_width(fd_)) : 200;
  const std::size_t used = 2 + 2 + name_columns() + 12;
  const std::string line = fmt::format(
      "  {} {} {:>9}  {}", paint(status_sign(step.status), status_color(step.status), color_),
      name_cell(step.name), ran ? format_duration(step.ended_us - step.started_us) : step.status,
      fit(message, width > used + 20 ? width - used : 20));
  write(std::string(trimmed(line)) + "\n");
  if (step.status != "failed") return;
  if (const std::string seen = post_mortem_line(step.ended, letters_of_environment());
      !seen.empty())
    write("      " + paint(fit(seen, std::max<std::size_t>(width, 20) - 7), Color::dim, color_) +
          "\n");
}

void ProgressPrinter::update(const json& update) {
  const std::vector<std::uint32_t> ended = view_.update(update);
  if (style_ == Style::silent) return;
  if (update.value("type", "") == "accepted") header();
  if (update.value("type", "") == "primitive" && update.at("outcome").is_string())
    note("  " + paint("⚑", Color::yellow, color_) + " " + primitive_line(update));
  const std::string waits =
      update.value("type", "") == "waits" ? update.value("message", "") : std::string();
  if (!waits.empty()) note("  " + paint("○", Color::yellow, color_) + " " + printable(waits));
  if (update.value("type", "") == "steps") names_ = name_width(view_);
  if (!ended.empty()) erase();
  for (const std::uint32_t step : ended) print_step(view_.steps()[step]);
}

void ProgressPrinter::note(const std::string& line) {
  if (style_ == Style::silent) return;
  erase();
  write(line + "\n");
}

std::vector<ProgressPrinter::Line> ProgressPrinter::live_block() const {
  const std::int64_t now = wall_us();
  const auto width = static_cast<std::size_t>(terminal_width(fd_));
  const std::size_t room = static_cast<std::size_t>(std::max(4, terminal_height(fd_) - 4));
  std::vector<Line> block;
  std::string pending;
  std::size_t waiting = 0;
  for (const RunView::Step& step : view_.steps()) {
    if (step.status == "running" || step.status == "waiting" || step.status == "awaiting") {
      if (block.size() >= room) continue;
      const auto* series = telling(step);
      const std::string curve = series == nullptr ? "" : "  " + sparkline(*series, 12);
      const std::string text =
          fit(fmt::format("{} {:>9}  {}{}", name_cell(step.name),
                          step.started_us > 0 ? format_duration(now - step.started_us) : "",
                          printable(step.message), curve),
              width - 5);
      block.push_back(
          {fmt::format("  {} {}", paint(status_sign(step.status), Color::yellow, color_), text),
           4 + width_of(text)});
    } else if (step.status == "pending" || step.status == "ready") {
      if (++waiting <= 6) pending += fmt::format("○ {}   ", step.name);
    }
  }
  if (waiting > 6) pending += fmt::format("and {} more", waiting - 6);
  if (!pending.empty()) {
    pending = fit(trimmed(pending), width - 3);
    block.push_back({"  " + paint(pending, Color::dim, color_), 2 + width_of(pending)});
  }
  std::string status =
      fmt::format("{}/{} done · {} running · {}", view_.done(), view_.steps().size(),
                  view_.count("running"), format_duration(now - view_.created_us()));
  if (view_.cancelling()) {
    status += " · cancelling (once more: leave at once)";
  } else if (const std::int64_t left = view_.estimate_us(now); left > 500'000) {
    status += fmt::format(" · about {} left",
                          left < 60'000'000 ? fmt::format("{} s", (left + 500'000) / 1'000'000)
                                            : format_duration(left));
  }
  status = "  " + fit(status, width - 3);
  block.push_back({status, width_of(status)});
  return block;
}

void ProgressPrinter::tick() {
  if (style_ != Style::live || !header_done_ || view_.over()) return;
  const std::int64_t now = wall_us();
  if (now - drawn_us_ < kFrameUs && !live_.empty()) return;
  drawn_us_ = now;
  const std::vector<Line> block = live_block();
  erase();
  std::string text;
  for (const Line& line : block) {
    text += line.text + "\n";
    live_.push_back(line.columns);
  }
  write(text);
}

void ProgressPrinter::erase() {
  // A terminal that was made narrower meanwhile has broken them into more rows.
  const auto width = static_cast<std::size_t>(terminal_width(fd_));
  std::size_t rows = 0;
  for (const std::size_t columns : live_) rows += 1 + (columns == 0 ? 0 : (columns - 1) / width);
  // Row by row: a terminal that is cleared from its first row to its last keeps what it showed in
  // its history (tmux does), and frames would pile up there.
  std::string text;
  for (std::size_t row = 0; row < rows; ++row) text += "\033[A\033[2K";
  write(text);
  live_.clear();
}

void ProgressPrinter::finish() { erase(); }

}  // namespace scanflow::cli
