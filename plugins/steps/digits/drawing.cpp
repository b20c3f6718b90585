#include "plugins/steps/digits/drawing.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "plugins/steps/digits/glyphs.hpp"

namespace scanflow::digits {
namespace {

using data::kSide;
using data::Random;
using Canvas = std::array<double, data::kPixels>;  // 0 paper, 1 ink

constexpr int kStepsPerSpan = 6;  // straight pieces between two points of a smooth stroke

/// The writer's hand: a gentle bend of the whole digit, then an affine map to pixels.
class Hand {
 public:
  explicit Hand(Random& random) {
    const double half_angle = 0.08 * random.bell();  // tan of half the rotation, without libm
    const double norm = 1 + half_angle * half_angle;
    const double cosine = (1 - half_angle * half_angle) / norm;
    const double sine = 2 * half_angle / norm;
    const double height = random.between(15.5, 21.5);
    const double width = height * random.between(0.5, 0.95);
    const double slant = 0.16 * random.bell();
    xx_ = cosine * width;
    xy_ = cosine * slant * height - sine * height;
    yx_ = sine * width;
    yy_ = sine * slant * height + cosine * height;
    center_ = {13.5 + 1.1 * random.bell(), 13.5 + 1.1 * random.bell()};
    for (double& bend : bend_) bend = 0.22 * random.bell();
    shake_ = random.between(0.01, 0.05);
  }

  Point shaken(Point p, Random& random) const {
    return {p.x + shake_ * random.bell(), p.y + shake_ * random.bell()};
  }

  Point to_pixels(Point p) const {
    const double u = p.x - 0.5;
    const double v = p.y - 0.5;
    const double x = u + bend_[0] * v * v + bend_[1] * u * v + bend_[2] * u * u;
    const double y = v + bend_[3] * u * u + bend_[4] * u * v + bend_[5] * v * v;
    return {center_.x + xx_ * x + xy_ * y, center_.y + yx_ * x + yy_ * y};
  }

 private:
  double xx_, xy_, yx_, yy_;
  Point center_;
  std::array<double, 6> bend_{};
  double shake_;
};

/// Catmull-Rom: through b (at 0) and c (at 1), a and d being the neighbours.
Point between(Point a, Point b, Point c, Point d, double t) {
  const auto blend = [t](double p, double q, double r, double s) {
    return 0.5 * (2 * q + (r - p) * t + (2 * p - 5 * q + 4 * r - s) * t * t +
                  (3 * q - p - 3 * r + s) * t * t * t);
  };
  return {blend(a.x, b.x, c.x, d.x), blend(a.y, b.y, c.y, d.y)};
}

/// The stroke as points joined by straight pieces, in pixels.
std::vector<Point> path_of(const Stroke& stroke, const Hand& hand, Random& random) {
  std::vector<Point> points;
  for (const Point p : stroke.points) points.push_back(hand.shaken(p, random));
  std::vector<Point> path{hand.to_pixels(points.front())};
  const std::size_t last = points.size() - 1;
  for (std::size_t i = 0; i < last; ++i) {
    const Point before = points[i == 0 ? 0 : i - 1];
    const Point after = points[std::min(i + 2, last)];
    for (int step = 1; step <= kStepsPerSpan; ++step) {
      const double t = static_cast<double>(step) / kStepsPerSpan;
      const Point p = stroke.smooth ? between(before, points[i], points[i + 1], after, t)
                                    : Point{points[i].x + t * (points[i + 1].x - points[i].x),
                                            points[i].y + t * (points[i + 1].y - points[i].y)};
      path.push_back(hand.to_pixels(p));
    }
  }
  return path;
}

double distance_to_piece(Point p, Point a, Point b) {
  const double dx = b.x - a.x;
  const double dy = b.y - a.y;
  const double length2 = dx * dx + dy * dy;
  double t = length2 > 0 ? ((p.x - a.x) * dx + (p.y - a.y) * dy) / length2 : 0;
  t = std::clamp(t, 0.0, 1.0);
  const double ex = p.x - (a.x + t * dx);
  const double ey = p.y - (a.y + t * dy);
  return std::sqrt(ex * ex + ey * ey);
}

/// radius and edge in pixels: full ink within, fading over `edge`.
void ink_piece(Canvas& canvas, Point a, Point b, double radius, double edge) {
  const double reach = radius + edge;
  const auto from = [](double v) { return std::clamp(static_cast<int>(v), 0, int{kSide} - 1); };
  const int left = from(std::min(a.x, b.x) - reach);
  const int right = from(std::max(a.x, b.x) + reach + 1);
  const int top = from(std::min(a.y, b.y) - reach);
  const int bottom = from(std::max(a.y, b.y) + reach + 1);
  for (int y = top; y <= bottom; ++y) {
    for (int x = left; x <= right; ++x) {
      const double distance =
          distance_to_piece({static_cast<double>(x), static_cast<double>(y)}, a, b);
      const double ink = std::clamp((radius - distance) / edge + 0.5, 0.0, 1.0);
      double& pixel = canvas[static_cast<std::size_t>(y) * kSide + static_cast<std::size_t>(x)];
      pixel = std::max(pixel, ink);
    }
  }
}

void write_strokes(Canvas& canvas, const Glyph& glyph, const Hand& hand, Random& random) {
  const double radius = random.between(0.75, 1.7);
  const double edge = random.between(0.8, 1.6);
  for (const Stroke& stroke : glyph) {
    const double pressure_start = random.between(0.75, 1.2);
    const double pressure_end = random.between(0.75, 1.2);
    const std::vector<Point> path = path_of(stroke, hand, random);
    for (std::size_t i = 1; i < path.size(); ++i) {
      const double t = static_cast<double>(i) / static_cast<double>(path.size());
      const double pressure = pressure_start + t * (pressure_end - pressure_start);
      ink_piece(canvas, path[i - 1], path[i], radius * pressure, edge);
    }
  }
}

/// A short stroke that is no part of the digit, near the border.
void write_blot(Canvas& canvas, Random& random) {
  const double far = random.between(1, 5);
  const double along = random.between(2, 25);
  const bool flip = random.below(2) == 1;
  const Point a = random.below(2) == 1 ? Point{flip ? far : 27 - far, along}
                                       : Point{along, flip ? far : 27 - far};
  const Point b{a.x + random.between(-3, 3), a.y + random.between(-3, 3)};
  ink_piece(canvas, a, b, random.between(0.4, 0.9), 1.0);
}

/// Each pixel gives `share` of its ink to its neighbours (a 1 2 1 kernel, both ways).
Canvas blurred(const Canvas& canvas, double share) {
  constexpr std::size_t kLast = kSide - 1;
  const auto mix = [share](double before, double here, double after) {
    return (1 - share) * here + share / 2 * (before + after);
  };
  Canvas across{};
  for (std::size_t y = 0; y < kSide; ++y) {
    const double* row = canvas.data() + y * kSide;
    for (std::size_t x = 0; x < kSide; ++x) {
      across[y * kSide + x] = mix(x > 0 ? row[x - 1] : 0.0, row[x], x < kLast ? row[x + 1] : 0.0);
    }
  }
  Canvas both{};
  for (std::size_t i = 0; i < both.size(); ++i) {
    const double above = i >= kSide ? across[i - kSide] : 0.0;
    const double below = i + kSide < across.size() ? across[i + kSide] : 0.0;
    both[i] = mix(above, across[i], below);
  }
  return both;
}

Image scanned(const Canvas& canvas, Random& random) {
  const double darkest = random.between(190, 255);
  const double noise = random.between(0, 22);  // grey levels
  Image image{};
  for (std::size_t i = 0; i < image.size(); ++i) {
    const double grey = darkest * canvas[i] + noise * random.bell() - noise / 2;
    image[i] = static_cast<std::uint8_t>(std::clamp(grey, 0.0, 255.0));
  }
  return image;
}

}  // namespace

Image draw(std::uint8_t digit, Random& random) {
  const auto styles = glyphs(digit);
  const Glyph& glyph = styles[static_cast<std::size_t>(random.below(styles.size()))];
  const Hand hand(random);
  Canvas canvas{};
  write_strokes(canvas, glyph, hand, random);
  if (random.below(3) == 0) write_blot(canvas, random);
  return scanned(blurred(canvas, random.between(0, 0.5)), random);
}

data::DigitSet generate(std::size_t count, std::uint64_t seed,
                        const std::function<bool(double)>& go_on) {
  std::vector<std::uint8_t> labels(count);
  for (std::size_t i = 0; i < count; ++i) labels[i] = static_cast<std::uint8_t>(i % data::kClasses);
  Random order(seed);
  order.shuffle(labels);

  data::DigitSet digits;
  digits.pixels.reserve(count * data::kPixels);
  for (std::size_t i = 0; i < count; ++i) {
    if (i % 256 == 0 && !go_on(static_cast<double>(i) / static_cast<double>(count))) break;
    Random random = Random::stream(seed, i);
    digits.add(draw(labels[i], random), labels[i]);
  }
  return digits;
}

}  // namespace scanflow::digits
