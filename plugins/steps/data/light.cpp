#include "plugins/steps/data/corruptions.hpp"

namespace scanflow::corruption {
namespace {

// At severity 1. MNIST-C goes to 0.5, which costs some networks 3 points and others 85 (README.md).
constexpr float kBrighter = 0.7F;
constexpr int kStripe = kSide / 4;  // columns at each side

}  // namespace

Grey brightness(const Grey& image, double severity, data::Random& /*random*/) {
  Grey out = image;
  for (float& value : out.values) value += kBrighter * static_cast<float>(severity);
  return out;
}

/// The outer quarters become their negative.
Grey stripe(const Grey& image, double severity, data::Random& /*random*/) {
  Grey out = image;
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      const bool outside = x < kStripe || x >= kSide - kStripe;
      if (outside) out.at(y, x) = mixed(image.at(y, x), 1 - image.at(y, x), severity);
    }
  }
  return out;
}

}  // namespace scanflow::corruption
