#include "plugins/steps/report/timeline.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "plugins/steps/report/format.hpp"
#include "plugins/steps/report/plot.hpp"
#include "plugins/steps/report/status.hpp"

namespace scanflow::report {
namespace {

constexpr double kTimelineWidth = 1040, kLabel = 200, kTimelineRight = 130, kRow = 26, kAxis = 26;
constexpr std::size_t kMostBars = 120;

struct Bar {
  std::size_t step;
  double from, to;  // seconds since the run's start
};

std::string tick_text(double seconds) {
  if (seconds == 0) return "0";
  return seconds < 60 && seconds >= 1 ? number_text(seconds) + " s" : seconds_text(seconds);
}

std::vector<Bar> bars_of(const RunRecord& run) {
  std::vector<Bar> bars;
  for (std::size_t i = 0; i < run.steps.size(); ++i) {
    const Step& step = run.steps[i];
    if (step.started_us <= 0 || step.name == run.self) continue;
    const std::int64_t end = step.ended_us > 0 ? step.ended_us : run.now_us;
    const double from = static_cast<double>(step.started_us - run.started_us) / 1e6;
    const double to = static_cast<double>(end - run.started_us) / 1e6;
    bars.push_back({i, std::max(from, 0.0), std::max({to, from, 0.0})});
  }
  std::stable_sort(bars.begin(), bars.end(),
                   [](const Bar& a, const Bar& b) { return a.to - a.from > b.to - b.from; });
  if (bars.size() > kMostBars) bars.resize(kMostBars);
  std::stable_sort(bars.begin(), bars.end(), [](const Bar& a, const Bar& b) {
    return a.from != b.from ? a.from < b.from : a.step < b.step;
  });
  return bars;
}

}  // namespace

std::string timeline_svg(const RunRecord& run) {
  const std::vector<Bar> bars = bars_of(run);
  if (bars.empty()) return {};
  double end = 0;
  for (const Bar& bar : bars) end = std::max(end, bar.to);
  end = std::max(end, 1e-3);
  const double scale = (kTimelineWidth - kLabel - kTimelineRight) / end;
  const double bottom = static_cast<double>(bars.size()) * kRow + 6;
  std::string out = fmt::format(
      "<div class=\"scroll\"><svg class=\"timeline\" viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" "
      "aria-label=\"when each step ran\"><g class=\"axis\">",
      kTimelineWidth, bottom + kAxis);
  for (const double tick : ticks(0, end, 9)) {
    if (tick > end * 1.0001) continue;
    const double x = kLabel + tick * scale;
    out += fmt::format(
        "<line class=\"grid\" x1=\"{0:.1f}\" y1=\"0\" x2=\"{0:.1f}\" y2=\"{1:.1f}\"/>"
        "<text x=\"{0:.1f}\" y=\"{2:.1f}\" text-anchor=\"middle\">{3}</text>",
        x, bottom, bottom + 16, tick_text(tick));
  }
  out += "</g>";
  for (std::size_t row = 0; row < bars.size(); ++row) {
    const Bar& bar = bars[row];
    const Step& step = run.steps[bar.step];
    const double y = static_cast<double>(row) * kRow + 4;
    const double x = kLabel + bar.from * scale, width = std::max((bar.to - bar.from) * scale, 2.5);
    const std::string took = seconds_text(bar.to - bar.from);
    out += fmt::format(
        "<g class=\"{}\"><title>{}: {} after the start, {}</title>"
        "<text class=\"label\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>"
        "<rect class=\"bar\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.0f}\" "
        "rx=\"4\"/>"
        "<text class=\"took\" x=\"{:.1f}\" y=\"{:.1f}\">{}{}</text></g>",
        status_class(step.status), escape(step.name), seconds_text(bar.from), took, kLabel - 12,
        y + 13, escape(shorten_middle(step.name, 28)), x, y, width, kRow - 8, x + width + 6, y + 13,
        took, step.attempts > 1 ? fmt::format(" · attempt {}", step.attempts) : "");
  }
  return out + "</svg></div>\n";
}

}  // namespace scanflow::report
