// A grey image as the corruptions see it. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <span>

#include "plugins/common/digit_set.hpp"
#include "plugins/common/random.hpp"

namespace scanflow::corruption {

constexpr int kSide = static_cast<int>(data::kSide);

/// 28x28 values, 0 (background) to 1 (ink), row by row.
struct Grey {
  std::array<float, data::kPixels> values{};

  static std::size_t index(int y, int x) {
    return static_cast<std::size_t>(y) * data::kSide + static_cast<std::size_t>(x);
  }
  float& at(int y, int x) { return values[index(y, x)]; }
  float at(int y, int x) const { return values[index(y, x)]; }
  /// 0 beyond the border.
  float padded(int y, int x) const {
    return y < 0 || x < 0 || y >= kSide || x >= kSide ? 0.0F : at(y, x);
  }
};

inline Grey grey_of(std::span<const std::uint8_t> bytes) {
  Grey image;
  for (std::size_t i = 0; i < image.values.size(); ++i)
    image.values[i] = static_cast<float>(bytes[i]) / 255.0F;
  return image;
}

/// Rounded; values outside 0 to 1 are cut.
inline std::array<std::uint8_t, data::kPixels> bytes_of(const Grey& image) {
  std::array<std::uint8_t, data::kPixels> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const float value = std::clamp(image.values[i], 0.0F, 1.0F);
    bytes[i] = static_cast<std::uint8_t>(std::lround(value * 255.0F));
  }
  return bytes;
}

inline float mixed(float from, float to, double share) {
  return static_cast<float>(from + (to - from) * share);
}

/// Between four pixels; 0 beyond the border.
float sample(const Grey& image, double y, double x);

/// Gaussian, cut at three deviations (in pixels). The border's pixels go on beyond it.
Grey blurred(const Grey& image, double deviation);

/// -1 or 1.
inline double either_sign(data::Random& random) { return random.below(2) == 0 ? -1.0 : 1.0; }

}  // namespace scanflow::corruption
