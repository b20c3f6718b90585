// The autoencoder in libtorch. Includes its headers: only for the few files that must.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>

#include <cstdint>
#include <filesystem>

#include "plugins/common/digit_set.hpp"
#include "plugins/common/state_dict.hpp"
#include "plugins/steps/detector/drift.hpp"

namespace scanflow::detector {

/// 784 -> hidden, ReLU -> code -> hidden, ReLU -> 784, sigmoid.
class Autoencoder : public torch::nn::Module {
 public:
  /// Weights drawn from torch's generator: seed it before.
  explicit Autoencoder(std::int64_t code);
  /// {n, 784}, 0 to 1, to the same.
  at::Tensor forward(const at::Tensor& digits);
  /// Before the sigmoid: to train with.
  at::Tensor logits(const at::Tensor& digits);
  std::int64_t parameter_count() const;

 private:
  torch::nn::Linear encode1_, encode2_, decode1_, decode2_;
};

/// {n, 784}, 0 to 1.
at::Tensor pixels_of(const data::DigitSet& digits);
/// {n}: of each digit the mean square of the difference. No gradients, some hundreds at a time.
at::Tensor errors_of(Autoencoder& network, const at::Tensor& digits);

/// Weights under the names of the modules, and beside them `threshold` (float64), `threshold_rank` and
/// `validation_count` (int64), each one number.
void write_detector(const Autoencoder& network, const Threshold& threshold,
                    const std::filesystem::path& file);
struct Loaded {
  std::shared_ptr<Autoencoder> network;
  Threshold threshold;
};
/// Throws std::runtime_error naming what is missing or of another shape.
Loaded read_detector(const std::filesystem::path& file);

}  // namespace scanflow::detector
