// Resizes and crops images along one axis after the other. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace scanflow::serving {

/// How some outputs along an axis are made of its inputs: output i is the sum of weights[taps * i + j]
/// times input starts[i] + j. Each output has as many taps; those that it does not need weigh 0.
struct Taps {
  std::size_t taps = 1;
  std::vector<std::size_t> starts;
  std::vector<float> weights;
  bool identity = false;  // outputs are the inputs from starts[0] on

  std::size_t outputs() const { return starts.size(); }
  /// One past the last input that any output needs.
  std::size_t end() const { return starts.empty() ? 0 : starts.back() + taps; }
};

/// Bilinear resizing of `from` pixels to `to`, of which the outputs first .. first + count - 1 are
/// wanted. The centre of output i lies at (i + 0.5) * from / to - 0.5. `antialias`: where it shrinks,
/// the triangle is as wide as an output pixel, so that no input pixel goes unseen (as PIL and
/// torchvision do by default); else each output is made of two neighbours. All sizes at least 1.
Taps bilinear(std::size_t from, std::size_t to, std::size_t first, std::size_t count,
              bool antialias);

}  // namespace scanflow::serving
