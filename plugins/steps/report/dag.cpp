#include "plugins/steps/report/dag.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "plugins/steps/report/format.hpp"
#include "plugins/steps/report/layout.hpp"
#include "plugins/steps/report/status.hpp"

namespace scanflow::report {
namespace {

constexpr std::size_t kMostApart = 60;   // more boxes than this: instances of a matrix become one
constexpr std::size_t kMostBoxes = 240;  // more cannot be seen
constexpr double kMargin = 8, kTitle = 26;

std::string time_of(const RunRecord& run, const Step& step) {
  if (step.name == run.self) return "this page";
  if (step.status == "running") return "running";
  if (step.status == "cached") return "from the cache";
  return step.started_us > 0 ? seconds_text(step.seconds) : step.status;
}

Box box_of(const RunRecord& run, std::size_t index) {
  const Step& step = run.steps[index];
  std::string tooltip =
      fmt::format("{} ({}): {}, {}", step.name, step.uses, step.status, time_of(run, step));
  if (!step.summary.empty()) tooltip += "\n" + step.summary;
  return {step.name, step.uses + " · " + time_of(run, step), step.status, tooltip, {}, index};
}

/// One status for many: the worst.
std::string worst(const std::map<std::string, std::size_t>& counts) {
  for (const char* status : {"failed", "cancelled", "running", "pending", "ready", "waiting",
                             "succeeded", "cached", "skipped"}) {
    if (counts.contains(status)) return status;
  }
  return "pending";
}

void describe_group(Box& box, const RunRecord& run, const std::vector<std::size_t>& members) {
  std::map<std::string, std::size_t> counts;
  double seconds = 0;
  for (const std::size_t member : members) {
    ++counts[run.steps[member].status];
    seconds += run.steps[member].seconds;
  }
  std::vector<std::string> parts;
  parts.reserve(counts.size());
  for (const auto& [status, count] : counts) parts.push_back(fmt::format("{} {}", count, status));
  const Step& first = run.steps[members.front()];
  box.title = fmt::format("{} [{}]", first.base, members.size());
  box.detail = fmt::format("{}", fmt::join(parts, ", "));
  box.status = worst(counts);
  box.tooltip = fmt::format("{} instances of {} ({}): {}, {} in all", members.size(), first.base,
                            first.uses, box.detail, seconds_text(seconds));
}

std::string curve(const Route& route, double dx, double dy) {
  const auto& p = route.points;
  std::string path = fmt::format("M{:.1f} {:.1f}", p[0].x + dx, p[0].y + dy);
  for (std::size_t i = 1; i < p.size(); ++i) {
    const double x0 = p[i - 1].x + dx, y0 = p[i - 1].y + dy, x1 = p[i].x + dx, y1 = p[i].y + dy;
    const double middle = (x0 + x1) / 2;
    if (y0 == y1) {
      path += fmt::format("L{:.1f} {:.1f}", x1, y1);
    } else {
      path += fmt::format("C{0:.1f} {1:.1f} {0:.1f} {2:.1f} {3:.1f} {2:.1f}", middle, y0, y1, x1);
    }
  }
  return path;
}

std::string node_svg(const Box& box, const Place& at, double dx, double dy,
                     const LayoutOptions& size) {
  return fmt::format(
      "<a href=\"#step-{}\" class=\"{}\"><title>{}</title><g transform=\"translate({:.1f} "
      "{:.1f})\">"
      "<rect class=\"node\" width=\"{:.0f}\" height=\"{:.0f}\" rx=\"8\"/>"
      "<circle cx=\"19\" cy=\"{:.0f}\" r=\"9\"/><text class=\"glyph\" x=\"19\" "
      "y=\"{:.0f}\">{}</text>"
      "<text class=\"name\" x=\"36\" y=\"20\">{}</text><text class=\"detail\" x=\"36\" "
      "y=\"35\">{}</text>"
      "</g></a>",
      box.step, status_class(box.status), escape(box.tooltip), at.x + dx, at.y + dy,
      size.node_width, size.node_height, size.node_height / 2, size.node_height / 2 + 4.2,
      status_glyph(box.status), escape(shorten_middle(box.title, 22)),
      escape(shorten(box.detail, 26)));
}

std::string title_of(const std::string& phase) {
  std::string title = phase;
  std::replace(title.begin(), title.end(), '_', ' ');
  return title;
}

}  // namespace

std::vector<Box> boxes_of(const RunRecord& run, const std::string& phase, std::size_t most) {
  std::vector<std::size_t> steps;
  std::map<std::string, std::vector<std::size_t>> by_base;
  for (std::size_t i = 0; i < run.steps.size(); ++i) {
    if (run.steps[i].phase != phase) continue;
    steps.push_back(i);
    by_base[run.steps[i].base].push_back(i);
  }
  const bool group = steps.size() > most;
  std::vector<Box> boxes;
  std::map<std::size_t, std::size_t> box_of_step;
  for (const std::size_t i : steps) {
    const auto& members = by_base[run.steps[i].base];
    if (group && members.front() != i) {
      box_of_step[i] = box_of_step[members.front()];
      continue;
    }
    box_of_step[i] = boxes.size();
    boxes.push_back(box_of(run, i));
    if (group && members.size() > 1) describe_group(boxes.back(), run, members);
  }
  std::vector<std::set<std::size_t>> needs(boxes.size());
  for (const std::size_t i : steps) {
    for (const std::size_t need : run.steps[i].needs) {
      const auto found = box_of_step.find(need);
      if (found != box_of_step.end() && found->second != box_of_step[i]) {
        needs[box_of_step[i]].insert(found->second);
      }
    }
  }
  for (std::size_t b = 0; b < boxes.size(); ++b)
    boxes[b].needs.assign(needs[b].begin(), needs[b].end());
  return boxes;
}

std::string dag_svg(const RunRecord& run) {
  const LayoutOptions size;
  std::string body;
  double width = 0, y = kMargin;
  for (const char* phase : {"main", "on_success", "on_failure", "on_exit"}) {
    const std::vector<Box> boxes = boxes_of(run, phase, kMostApart);
    if (boxes.empty()) continue;
    if (boxes.size() > kMostBoxes) {
      return fmt::format(
          "<p class=\"muted\">{} are too many for a picture; the table has them all.</p>\n",
          plural(run.steps.size(), "step"));
    }
    std::vector<std::vector<std::size_t>> needs;
    needs.reserve(boxes.size());
    for (const Box& box : boxes) needs.push_back(box.needs);
    const Layout layout = lay_out(needs, size);
    const bool handler = phase != std::string_view("main");
    const double dx = kMargin + (handler ? 12 : 0), dy = y + (handler ? kTitle : 0);
    if (handler) {
      body += fmt::format(
          "<g class=\"phase\"><rect x=\"{0:.1f}\" y=\"{1:.1f}\" width=\"{2:.1f}\" "
          "height=\"{3:.1f}\" "
          "rx=\"10\"/><text x=\"{4:.1f}\" y=\"{5:.1f}\">{6}</text></g>",
          kMargin, y, layout.width + 24, layout.height + kTitle + 12, kMargin + 12, y + 17,
          title_of(phase));
    }
    for (const Route& route : layout.routes) {
      const bool waits = boxes[route.to].status == "pending" ||
                         boxes[route.to].status == "cancelled" ||
                         boxes[route.to].status == "skipped";
      body += fmt::format("<path class=\"edge{}\" marker-end=\"url(#arrow)\" d=\"{}\"/>",
                          waits ? " idle" : "", curve(route, dx, dy));
    }
    for (std::size_t b = 0; b < boxes.size(); ++b) {
      body += node_svg(boxes[b], layout.nodes[b], dx, dy, size);
    }
    width = std::max(width, dx + layout.width + kMargin + (handler ? 12 : 0));
    y = dy + layout.height + (handler ? 12 : 0) + 20;
  }
  if (body.empty()) return {};
  return fmt::format(
      "<div class=\"scroll\"><svg class=\"dag\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
      "viewBox=\"0 0 {0:.0f} {1:.0f}\" role=\"img\" aria-label=\"graph of the steps\">"
      "<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" "
      "markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0.8L7.4 4L0 "
      "7.2z\"/></marker></defs>{2}</svg></div>\n",
      width, y - 20 + kMargin, body);
}

}  // namespace scanflow::report
