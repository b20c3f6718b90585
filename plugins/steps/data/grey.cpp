#include "plugins/steps/data/grey.hpp"

#include <vector>

namespace scanflow::corruption {

float sample(const Grey& image, double y, double x) {
  const double top = std::floor(y), left = std::floor(x);
  const int row = static_cast<int>(top), column = static_cast<int>(left);
  const auto down = y - top, across = x - left;
  const float above = mixed(image.padded(row, column), image.padded(row, column + 1), across);
  const float below =
      mixed(image.padded(row + 1, column), image.padded(row + 1, column + 1), across);
  return mixed(above, below, down);
}

Grey blurred(const Grey& image, double deviation) {
  const int radius = static_cast<int>(std::ceil(3 * deviation));
  std::vector<float> weights;
  weights.reserve(static_cast<std::size_t>(radius) * 2 + 1);
  double sum = 0;
  for (int i = -radius; i <= radius; ++i) {
    const double weight = std::exp(-i * i / (2 * deviation * deviation));
    weights.push_back(static_cast<float>(weight));
    sum += weight;
  }
  for (float& weight : weights) weight /= static_cast<float>(sum);
  const auto pass = [&](const Grey& from, bool vertical) {
    Grey to;
    for (int y = 0; y < kSide; ++y) {
      for (int x = 0; x < kSide; ++x) {
        float value = 0;
        for (std::size_t i = 0; i < weights.size(); ++i) {
          const int at =
              std::clamp((vertical ? y : x) + static_cast<int>(i) - radius, 0, kSide - 1);
          value += weights[i] * (vertical ? from.at(at, x) : from.at(y, at));
        }
        to.at(y, x) = value;
      }
    }
    return to;
  };
  return pass(pass(image, false), true);
}

}  // namespace scanflow::corruption
