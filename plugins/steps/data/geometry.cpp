#include "plugins/steps/data/corruptions.hpp"

namespace scanflow::corruption {
namespace {

// At severity 1.
constexpr double kShear = 1.0;   // columns for each row
constexpr double kShrunk = 2.0;  // times
constexpr double kTurned = 1.0;  // radians
constexpr double kMoved = 6.0;   // pixels, down and across
constexpr double kMiddle = (kSide - 1) / 2.0;

/// Where a pixel of the result comes from, both measured from the middle.
struct Linear {
  double yy = 1, yx = 0, xy = 0, xx = 1;
};

Grey transformed(const Grey& image, const Linear& to, double down = 0, double across = 0) {
  Grey out;
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      const double v = y - kMiddle, u = x - kMiddle;
      out.at(y, x) = sample(image, kMiddle + to.yy * v + to.yx * u + down,
                            kMiddle + to.xy * v + to.xx * u + across);
    }
  }
  return out;
}

}  // namespace

Grey shear(const Grey& image, double severity, data::Random& random) {
  return transformed(image, {1, 0, kShear * severity * either_sign(random), 1});
}

Grey scale(const Grey& image, double severity, data::Random& /*random*/) {
  const double factor = 1 + (kShrunk - 1) * severity;
  return transformed(image, {factor, 0, 0, factor});
}

Grey rotate(const Grey& image, double severity, data::Random& random) {
  const double angle = kTurned * severity * either_sign(random);
  return transformed(image, {std::cos(angle), std::sin(angle), -std::sin(angle), std::cos(angle)});
}

Grey translate(const Grey& image, double severity, data::Random& random) {
  const double down = kMoved * severity * either_sign(random);
  return transformed(image, {}, down, kMoved * severity * either_sign(random));
}

}  // namespace scanflow::corruption
