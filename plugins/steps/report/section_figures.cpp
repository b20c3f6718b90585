// Plots, confusion matrices and pictures.
#include <fmt/format.h>

#include <algorithm>

#include "plugins/steps/report/confusion.hpp"
#include "plugins/steps/report/format.hpp"
#include "plugins/steps/report/plot.hpp"
#include "plugins/steps/report/sections.hpp"

namespace scanflow::report {
namespace {

constexpr int kColors = 8;               // of the palette in the style sheet
constexpr std::size_t kMostCurves = 24;  // in one plot

/// In all plots a step has one colour, and a set of labels (set=train, set=validation) one dash.
struct Looks {
  std::vector<std::string> steps, labels;

  explicit Looks(const RunRecord& run) {
    for (const Series& series : run.series) {
      note(steps, series.step);
      note(labels, series.labels);
    }
  }
  static void note(std::vector<std::string>& list, const std::string& text) {
    if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
  }
  static int index(const std::vector<std::string>& list, const std::string& text) {
    return static_cast<int>(std::find(list.begin(), list.end(), text) - list.begin());
  }
};

std::string label_of(const Series& series) {
  return series.labels.empty() ? series.step : series.step + " · " + series.labels;
}

std::string legend(const std::vector<Curve>& curves) {
  std::string out;
  for (const Curve& curve : curves) {
    out += fmt::format("<span class=\"s{} d{}\"><i></i>{} <b>{}</b></span>", curve.color,
                       curve.dash, escape(curve.label), number_text(curve.points.back().y));
  }
  return "<figcaption>" + out + "</figcaption>";
}

std::string plot_of(const RunRecord& run, const std::string& metric, const Looks& looks) {
  std::vector<Curve> curves;
  std::size_t more = 0;
  for (const Series& series : run.series) {
    if (series.metric != metric) continue;
    if (curves.size() == kMostCurves) {
      ++more;
      continue;
    }
    curves.push_back({label_of(series), series.points,
                      Looks::index(looks.steps, series.step) % kColors,
                      Looks::index(looks.labels, series.labels) % 3});
  }
  return fmt::format(
      "<figure><h3>{}</h3>{}{}{}</figure>\n", escape(metric), plot_svg(metric, curves),
      legend(curves),
      more > 0 ? fmt::format("<p class=\"muted\">and {} more</p>", plural(more, "line")) : "");
}

std::string digit_html(const WrongDigit& digit) {
  const std::string sure = digit.confidence < 0 ? "" : fmt::format(" ({:.2f})", digit.confidence);
  const std::string text = fmt::format("true {}, said {}{}", digit.label, digit.prediction, sure);
  return fmt::format(
      "<figure title=\"image {}\"><img src=\"{}\" width=\"28\" height=\"28\" alt=\"{}\">"
      "<figcaption>true <b>{}</b>, said <b class=\"wrong\">{}</b>{}</figcaption></figure>\n",
      digit.index, digit.picture, text, digit.label, digit.prediction,
      sure.empty() ? "" : fmt::format("<span>{}</span>", sure));
}

}  // namespace

std::string metrics_html(const RunRecord& run) {
  const Looks looks(run);
  std::vector<std::string> metrics;
  for (const Series& series : run.series) {
    if (std::find(metrics.begin(), metrics.end(), series.metric) == metrics.end()) {
      metrics.push_back(series.metric);
    }
  }
  std::string out;
  for (const std::string& metric : metrics) out += plot_of(run, metric, looks);
  return out.empty() ? out : "<div class=\"plots\">\n" + out + "</div>\n";
}

std::string confusion_section_html(const RunRecord& run) {
  std::string out;
  for (const Step& step : run.steps) {
    const auto found = step.outputs.find("confusion");
    if (found == step.outputs.end()) continue;
    const auto matrix = parse_confusion(*found);
    if (!matrix) continue;
    out += fmt::format("<h3>{}</h3><div class=\"scroll\">{}</div>", escape(step.name),
                       confusion_html(*matrix));
    if (const auto worst = worst_confusions(*matrix, 5); !worst.empty()) {
      out += fmt::format("<p class=\"muted\">Most often: {}.</p>\n",
                         escape(fmt::format("{}", fmt::join(worst, ", "))));
    }
  }
  return out;
}

std::string galleries_html(const std::vector<Gallery>& galleries) {
  std::string out;
  for (const Gallery& gallery : galleries) {
    if (!gallery.problem.empty()) {
      out += fmt::format("<p class=\"muted\">No pictures of {}: {}</p>\n", escape(gallery.step),
                         escape(gallery.problem));
      continue;
    }
    const std::size_t shown = gallery.digits.shown.size();
    out += shown == 0
               ? fmt::format("<p>{} got every digit right.</p>\n", escape(gallery.step))
               : fmt::format(
                     "<p class=\"muted\">{}: {} of {} shown, the most confident errors "
                     "first (confidence in brackets).</p>\n<div class=\"digits\">",
                     escape(gallery.step), count_text(shown), count_text(gallery.digits.total));
    for (const WrongDigit& digit : gallery.digits.shown) out += digit_html(digit);
    if (shown > 0) out += "</div>\n";
  }
  return out;
}

}  // namespace scanflow::report
