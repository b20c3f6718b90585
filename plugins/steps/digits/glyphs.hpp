// How people write digits: the strokes of each style.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace scanflow::digits {

/// In the box of the digit: x to the right, y down, 0 to 1.
struct Point {
  double x = 0;
  double y = 0;
};

/// The pen goes through these points: along a smooth curve, or straight from one to the next.
struct Stroke {
  bool smooth = true;
  std::vector<Point> points;
};

using Glyph = std::vector<Stroke>;

/// The styles in which `digit` (0 to 9) is written; at least two each.
std::span<const Glyph> glyphs(std::uint8_t digit);

}  // namespace scanflow::digits
