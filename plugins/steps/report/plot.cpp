#include "plugins/steps/report/plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "plugins/steps/report/format.hpp"

namespace scanflow::report {
namespace {

constexpr double kWidth = 520, kHeight = 250;
constexpr double kLeft = 56, kRight = 14, kTop = 12, kBottom = 34;
constexpr std::size_t kMostPoints = 400;  // of a line; more cannot be seen
constexpr std::size_t kMostDots = 60;     // lines with more have none

struct Scale {
  double low = 0, high = 1, from = 0, to = 1;
  double operator()(double value) const {
    return from + (value - low) / (high - low) * (to - from);
  }
};

struct Range {
  double low = 1e300, high = -1e300;
  void add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

std::string axes(const Scale& x, const Scale& y, const std::vector<double>& x_ticks,
                 const std::vector<double>& y_ticks) {
  std::string out = "<g class=\"axis\">";
  for (const double tick : y_ticks) {
    out += fmt::format(
        "<line class=\"grid\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>"
        "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>",
        kLeft, y(tick), kWidth - kRight, y(tick), kLeft - 8, y(tick) + 3.5, number_text(tick));
  }
  const double bottom = kHeight - kBottom;
  for (const double tick : x_ticks) {
    out += fmt::format(
        "<line x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{0:.1f}\" y2=\"{2:.1f}\"/>"
        "<text x=\"{0:.1f}\" y=\"{3:.1f}\" text-anchor=\"middle\">{4}</text>",
        x(tick), bottom, bottom + 4, bottom + 17, number_text(tick));
  }
  return out + fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/></g>",
                           kLeft, bottom, kWidth - kRight, bottom);
}

std::string group(const Curve& curve) {
  constexpr const char* kDashes[] = {"", " dashed", " dotted"};
  return fmt::format("<g class=\"s{}{}\"><title>{}</title>", curve.color,
                     kDashes[std::clamp(curve.dash, 0, 2)], escape(curve.label));
}

std::string level_svg(const Curve& curve, const Scale& y) {
  const double at = y(curve.points.front().y);
  return group(curve) + fmt::format("<path class=\"level\" d=\"M{:.1f} {:.1f}H{:.1f}\"/></g>",
                                    kLeft, at, kWidth - kRight);
}

std::string curve_svg(const Curve& curve, const Scale& x, const Scale& y) {
  const std::vector<Point> points = thin(curve.points, kMostPoints);
  std::string path;
  for (const Point& p : points) {
    path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", x(p.x), y(p.y));
  }
  std::string out = group(curve) + fmt::format("<path d=\"{}\"/>", path);
  if (points.size() <= kMostDots) {
    for (const Point& p : points) {
      out += fmt::format(
          "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"><title>{} at {}: {}</title></circle>",
          x(p.x), y(p.y), escape(curve.label), number_text(p.x), number_text(p.y));
    }
  }
  return out + "</g>";
}

/// Names stand upright beside their lines; those of lines that are close, one below the other.
std::string marks_svg(const std::vector<Mark>& marks, const Scale& x) {
  constexpr double kClose = 12, kLower = 70;
  std::string out;
  double before = -1e9, down = 0;
  for (const Mark& mark : marks) {
    const double at = x(mark.x);
    if (at < kLeft || at > kWidth - kRight) continue;
    down = at - before < kClose ? down + kLower : 0;
    if (down > kHeight - kBottom - kLower) down = 0;
    before = at;
    out += fmt::format(
        "<g class=\"mark\"><line x1=\"{0:.1f}\" y1=\"{1}\" x2=\"{0:.1f}\" y2=\"{2}\"/>"
        "<text transform=\"translate({3:.1f} {4:.1f}) rotate(90)\">{5}</text></g>",
        at, kTop, kHeight - kBottom, at + 3, kTop + down, escape(mark.label));
  }
  return out;
}

}  // namespace

std::vector<double> ticks(double low, double high, int count, bool whole) {
  if (!(high > low)) {  // one value: room on both sides
    const double pad = whole || low == 0 ? 1 : std::abs(low) * 0.1;
    low -= pad;
    high += pad;
  }
  const double raw = (high - low) / std::max(count - 1, 1);
  const double power = std::pow(10, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (const double nice : {1.0, 2.0, 2.5, 5.0}) {
    if (raw <= nice * power * 1.0001) {
      step = nice * power;
      break;
    }
  }
  if (whole) step = std::max(1.0, std::ceil(step));
  std::vector<double> out;
  const auto first = static_cast<std::int64_t>(std::floor(low / step + 1e-9));
  const auto last = static_cast<std::int64_t>(std::ceil(high / step - 1e-9));
  for (std::int64_t i = first; i <= last; ++i) out.push_back(static_cast<double>(i) * step);
  return out;
}

std::vector<Point> thin(const std::vector<Point>& points, std::size_t limit) {
  if (points.size() <= limit || limit < 4) return points;
  std::vector<Point> out{points.front()};
  const std::size_t stretches = (limit - 2) / 2;
  const std::size_t inner = points.size() - 2;
  const auto by_value = [](const Point& a, const Point& b) { return a.y < b.y; };
  for (std::size_t s = 0; s < stretches; ++s) {
    const auto begin = points.begin() + 1 + static_cast<std::ptrdiff_t>(inner * s / stretches);
    const auto end = points.begin() + 1 + static_cast<std::ptrdiff_t>(inner * (s + 1) / stretches);
    const auto [low, high] = std::minmax_element(begin, end, by_value);
    out.push_back(*std::min(low, high));
    if (low != high) out.push_back(*std::max(low, high));
  }
  out.push_back(points.back());
  return out;
}

std::string plot_svg(const std::string& title, const std::vector<Curve>& curves,
                     const std::vector<Mark>& marks) {
  Range xs, ys;
  const bool any_long = std::any_of(curves.begin(), curves.end(),
                                    [](const Curve& curve) { return curve.points.size() > 1; });
  const auto is_level = [&](const Curve& curve) { return any_long && curve.points.size() == 1; };
  for (const Curve& curve : curves) {
    for (const Point& p : curve.points) {
      if (!is_level(curve)) xs.add(p.x);
      ys.add(p.y);
    }
  }
  if (xs.low > xs.high) return {};
  const bool whole = xs.low == std::floor(xs.low) && xs.high == std::floor(xs.high);
  const std::vector<double> y_ticks = ticks(ys.low, ys.high, 5);
  std::vector<double> x_ticks = ticks(xs.low, xs.high, 7, whole);
  // The x axis ends where the data ends: only ticks inside.
  if (xs.high > xs.low) {
    std::erase_if(x_ticks, [&](double t) { return t < xs.low - 1e-9 || t > xs.high + 1e-9; });
  } else {
    xs = {x_ticks.front(), x_ticks.back()};
  }
  const double pad = (xs.high - xs.low) * 0.02;
  const Scale x{xs.low - pad, xs.high + pad, kLeft, kWidth - kRight};
  const Scale y{y_ticks.front(), y_ticks.back(), kHeight - kBottom, kTop};
  std::string out = fmt::format(
      "<svg class=\"plot\" viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"{}\">", kWidth,
      kHeight, escape(title));
  out += axes(x, y, x_ticks, y_ticks);
  for (const Curve& curve : curves) {
    out += is_level(curve) ? level_svg(curve, y) : curve_svg(curve, x, y);
  }
  out += marks_svg(marks, x);
  return out + "</svg>\n";
}

}  // namespace scanflow::report
