// The fifteen corruptions of MNIST-C (N. Mu, J. Gilmer: MNIST-C: A Robustness Benchmark for Computer
// Vision, 2019), after the parameters that it and ImageNet-C (D. Hendrycks, T. Dietterich, 2019) name;
// written anew, so no pixel is theirs. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/steps/data/grey.hpp"

namespace scanflow::corruption {

/// severity: above 0, up to 1 (about their fifth level).
using Function = Grey (*)(const Grey& image, double severity, data::Random& random);

// noise.cpp
Grey shot_noise(const Grey& image, double severity, data::Random& random);
Grey impulse_noise(const Grey& image, double severity, data::Random& random);
// blur.cpp
Grey glass_blur(const Grey& image, double severity, data::Random& random);
Grey motion_blur(const Grey& image, double severity, data::Random& random);
// geometry.cpp
Grey shear(const Grey& image, double severity, data::Random& random);
Grey scale(const Grey& image, double severity, data::Random& random);
Grey rotate(const Grey& image, double severity, data::Random& random);
Grey translate(const Grey& image, double severity, data::Random& random);
// light.cpp
Grey brightness(const Grey& image, double severity, data::Random& random);
Grey stripe(const Grey& image, double severity, data::Random& random);
// weather.cpp
Grey fog(const Grey& image, double severity, data::Random& random);
Grey spatter(const Grey& image, double severity, data::Random& random);
// strokes.cpp
Grey dotted_line(const Grey& image, double severity, data::Random& random);
Grey zigzag(const Grey& image, double severity, data::Random& random);
// edges.cpp
Grey canny_edges(const Grey& image, double severity, data::Random& random);

/// Of all fifteen, then "identity".
std::vector<std::string_view> names();
/// Throws std::runtime_error where there is none of that name. Null: identity.
Function find(std::string_view name);

struct Corrupted {
  data::DigitSet digits;
  std::vector<std::size_t> counts;  // digits that each way got
};

/// Corrupts `share` (0 to 1) of the digits, which `seed` chooses, each way an equal part of them (give
/// or take one). Labels and order stay. What becomes of digit i depends on it, its way, severity (0 to
/// 1; 0: nothing), seed and i alone.
Corrupted corrupt(const data::DigitSet& digits, std::span<const std::string> ways, double severity,
                  double share, std::uint64_t seed);

}  // namespace scanflow::corruption
