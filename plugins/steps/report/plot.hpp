// Line plots as SVG.
#pragma once

#include <string>
#include <vector>

#include "plugins/steps/report/document.hpp"

namespace scanflow::report {

/// Round numbers (1, 2, 2.5 or 5 times a power of ten) that cover [low, high], about `count` of
/// them. `whole`: only whole numbers, for training steps.
std::vector<double> ticks(double low, double high, int count, bool whole = false);

struct Curve {
  std::string label;
  std::vector<Point> points;  // sorted by x
  int color = 0;              // of the page's palette
  int dash = 0;               // 0: solid; 1, 2: dashed, dotted
};

/// Something that happened at x: a line from top to bottom, with its name.
struct Mark {
  double x = 0;
  std::string label;
};

/// At most `limit` points: first, last, and the lowest and highest of each stretch between.
std::vector<Point> thin(const std::vector<Point>& points, std::size_t limit);

/// One plot of all curves, with dots that tell their value when hovered. A single value beside
/// curves of many (the test accuracy beside the epochs) is a level across the plot: its place on
/// the x axis means nothing. `title` is for readers that cannot see it.
std::string plot_svg(const std::string& title, const std::vector<Curve>& curves,
                     const std::vector<Mark>& marks = {});

}  // namespace scanflow::report
