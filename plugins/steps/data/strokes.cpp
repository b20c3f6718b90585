#include "plugins/steps/data/corruptions.hpp"

namespace scanflow::corruption {
namespace {

constexpr double kPen = 1.0;          // pixels, from the middle of the line to where it fades
constexpr double kDotEvery = 3.0;     // pixels along the line
constexpr double kTooth = 3.0;        // pixels a zigzag goes to each side
constexpr double kToothLength = 6.0;  // pixels along the line, there and back
constexpr int kMostLines = 3;         // at severity 1

struct Point {
  double y = 0, x = 0;
};

/// Leaves the darker of what is there and a dot of the pen.
void dab(Grey& image, Point at, float ink) {
  const int y0 = static_cast<int>(std::floor(at.y)) - 1,
            x0 = static_cast<int>(std::floor(at.x)) - 1;
  for (int y = std::max(y0, 0); y < std::min(y0 + 4, kSide); ++y) {
    for (int x = std::max(x0, 0); x < std::min(x0 + 4, kSide); ++x) {
      const double distance = std::sqrt((y - at.y) * (y - at.y) + (x - at.x) * (x - at.x));
      const double covered = std::clamp(1.5 * kPen - distance, 0.0, 1.0);
      image.at(y, x) = std::max(image.at(y, x), ink * static_cast<float>(covered));
    }
  }
}

/// From the left border to the right; calls draw(point, along) every half pixel.
template <class Draw>
void line_across(data::Random& random, const Draw& draw) {
  const Point from{random.between(3, kSide - 4), 0}, to{random.between(3, kSide - 4), kSide - 1.0};
  const double length = std::sqrt((to.y - from.y) * (to.y - from.y) + to.x * to.x);
  const int steps = static_cast<int>(2 * length);
  for (int i = 0; i <= steps; ++i) {
    const double along = i / 2.0, share = along / length;
    draw(Point{from.y + (to.y - from.y) * share, to.x * share}, along);
  }
}

int lines_of(double severity) { return static_cast<int>(std::ceil(kMostLines * severity)); }

/// The weakest line is seen, too.
float ink_of(double severity) { return static_cast<float>(0.2 + 0.8 * severity); }

}  // namespace

Grey dotted_line(const Grey& image, double severity, data::Random& random) {
  Grey out = image;
  for (int i = 0; i < lines_of(severity); ++i) {
    double next = 0;
    line_across(random, [&](Point at, double along) {
      if (along < next) return;
      next = along + kDotEvery;
      dab(out, at, ink_of(severity));
    });
  }
  return out;
}

Grey zigzag(const Grey& image, double severity, data::Random& random) {
  Grey out = image;
  for (int i = 0; i < lines_of(severity); ++i) {
    line_across(random, [&](Point at, double along) {
      const double phase = std::fmod(along, kToothLength) / kToothLength;  // 0 to 1
      at.y += kTooth * (4 * std::abs(phase - 0.5) - 1);
      dab(out, at, ink_of(severity));
    });
  }
  return out;
}

}  // namespace scanflow::corruption
