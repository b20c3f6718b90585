// The networks as data: what a weights file must hold, without libtorch.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace scanflow::cnn {

/// Grey values 0..255 become (value / 255 - mean) / deviation: the figures usual for MNIST.
constexpr float kMean = 0.1307F;
constexpr float kDeviation = 0.3081F;

/// 28x28 -> [convolution (unpadded), ReLU, 2x2 maximum] twice -> hidden layer, ReLU -> 10 classes.
struct Architecture {
  std::string_view name;
  std::int64_t channels1;
  std::int64_t kernel1;  // pixels a side
  std::int64_t channels2;
  std::int64_t kernel2;
  std::int64_t hidden;

  std::int64_t flat() const;  // values that leave the second convolution
  std::int64_t parameters() const;
};

/// Tensor name -> shape, as in a state dict of PyTorch.
using Shapes = std::map<std::string, std::vector<std::int64_t>>;

std::span<const Architecture> architectures();
const Architecture& architecture(std::string_view name);  // throws std::runtime_error if unknown
Shapes shapes_of(const Architecture& architecture);

/// Which model these tensors belong to. Throws std::runtime_error naming what differs.
const Architecture& deduce(const Shapes& found, const std::string& file);
/// Throws std::runtime_error naming each tensor that is missing, superfluous or of another shape.
void check_fit(const Architecture& architecture, const Shapes& found, const std::string& file);

}  // namespace scanflow::cnn
