#include <vector>

#include "plugins/steps/data/corruptions.hpp"

namespace scanflow::corruption {
namespace {

constexpr double kDeviation = 1.0;  // pixels, of the blur before
// Of the gradient, in grey values a pixel: an edge begins at `high`, and goes on down to `low`.
constexpr double kLow = 0.1, kHigh = 0.2;

struct Gradients {
  std::array<double, data::kPixels> length{};
  std::array<std::array<int, 2>, data::kPixels> direction{};  // the neighbour that it points to
};

Gradients gradients_of(const Grey& g) {
  Gradients out;
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      const auto side = [&](int dy, int dx) {  // Sobel (1968): one side of its 3x3
        return dx == 0
                   ? g.padded(y + dy, x - 1) + 2 * g.padded(y + dy, x) + g.padded(y + dy, x + 1)
                   : g.padded(y - 1, x + dx) + 2 * g.padded(y, x + dx) + g.padded(y + 1, x + dx);
      };
      const double down = (side(1, 0) - side(-1, 0)) / 8, across = (side(0, 1) - side(0, -1)) / 8;
      const auto at = Grey::index(y, x);
      out.length[at] = 2 * std::sqrt(down * down + across * across);
      constexpr double kDiagonal = 0.41421356;  // tangent of 22.5 degrees
      out.direction[at] = {std::abs(down) < kDiagonal * std::abs(across) ? 0
                           : down < 0                                    ? -1
                                                                         : 1,
                           std::abs(across) < kDiagonal * std::abs(down) ? 0
                           : across < 0                                  ? -1
                                                                         : 1};
    }
  }
  return out;
}

/// Is it at least as steep here as before and behind? Then an edge may run through.
bool is_ridge(const Gradients& g, int y, int x) {
  const auto length = [&](int row, int column) {
    const bool outside = row < 0 || column < 0 || row >= kSide || column >= kSide;
    return outside ? 0.0 : g.length[Grey::index(row, column)];
  };
  const auto at = Grey::index(y, x);
  const auto [dy, dx] = g.direction[at];
  return g.length[at] > kLow && g.length[at] >= length(y + dy, x + dx) &&
         g.length[at] > length(y - dy, x - dx);
}

}  // namespace

/// J. Canny, 1986: blur, gradient, ridges of it, those that hang together with a strong one.
Grey canny_edges(const Grey& image, double severity, data::Random& /*random*/) {
  const Gradients gradients = gradients_of(blurred(image, kDeviation));
  Grey edges;
  std::vector<std::array<int, 2>> waiting;
  const auto visit = [&](int y, int x) {
    if (y < 0 || x < 0 || y >= kSide || x >= kSide || edges.at(y, x) > 0) return;
    if (!is_ridge(gradients, y, x)) return;
    edges.at(y, x) = 1;
    waiting.push_back({y, x});
  };
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      if (gradients.length[Grey::index(y, x)] > kHigh) visit(y, x);
      while (!waiting.empty()) {
        const auto [row, column] = waiting.back();
        waiting.pop_back();
        for (int dy = -1; dy <= 1; ++dy)
          for (int dx = -1; dx <= 1; ++dx) visit(row + dy, column + dx);
      }
    }
  }
  for (std::size_t i = 0; i < edges.values.size(); ++i)
    edges.values[i] = mixed(image.values[i], edges.values[i], severity);
  return edges;
}

}  // namespace scanflow::corruption
