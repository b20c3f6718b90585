#include <numbers>

#include "plugins/steps/data/corruptions.hpp"

namespace scanflow::corruption {
namespace {

// At severity 1; lengths in pixels.
constexpr double kGlassDeviation = 1.0;
constexpr int kGlassReach = 2;                         // how far pixels are swapped
constexpr double kMotionLength = 9;                    // from the middle to each end
constexpr double kMotionAngle = std::numbers::pi / 4;  // from the horizontal, at most

}  // namespace

Grey glass_blur(const Grey& image, double severity, data::Random& random) {
  Grey out = blurred(image, kGlassDeviation * severity);
  const auto reach = static_cast<int>(std::ceil(kGlassReach * severity));
  const auto step = [&] {
    return static_cast<int>(random.below(2 * static_cast<std::uint64_t>(reach) + 1)) - reach;
  };
  for (int y = reach; y < kSide - reach; ++y) {
    for (int x = reach; x < kSide - reach; ++x) {
      const int down = step(), across = step();
      std::swap(out.at(y, x), out.at(y + down, x + across));
    }
  }
  return blurred(out, kGlassDeviation * severity);
}

Grey motion_blur(const Grey& image, double severity, data::Random& random) {
  const double angle = random.between(-kMotionAngle, kMotionAngle);
  const double down = std::sin(angle), across = std::cos(angle);
  const double length = kMotionLength * severity;
  const int steps = std::max(1, static_cast<int>(std::ceil(2 * length)));  // to each side
  Grey out;
  double total = 0;
  for (int i = -steps; i <= steps; ++i) {
    const double along = length * i / steps;
    const double weight = std::exp(-2.0 * i * i / (steps * steps));
    total += weight;
    for (int y = 0; y < kSide; ++y) {
      for (int x = 0; x < kSide; ++x)
        out.at(y, x) +=
            static_cast<float>(weight) * sample(image, y + along * down, x + along * across);
    }
  }
  for (float& value : out.values) value /= static_cast<float>(total);
  return out;
}

}  // namespace scanflow::corruption
