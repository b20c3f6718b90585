// The networks in libtorch. Includes its headers: only for the few files that must.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include <cstdint>
#include <filesystem>
#include <span>

#include "plugins/common/digit_set.hpp"
#include "plugins/common/state_dict.hpp"
#include "plugins/steps/torch/architecture.hpp"

namespace scanflow::cnn {

class Network : public torch::nn::Module {
 public:
  /// Weights drawn from torch's generator: seed it before.
  explicit Network(const Architecture& architecture);
  /// {n, 1, 28, 28} -> scores {n, 10} (before softmax).
  at::Tensor forward(at::Tensor images);

 private:
  torch::nn::Conv2d conv1_;
  torch::nn::Conv2d conv2_;
  torch::nn::Linear hidden_;
  torch::nn::Linear classes_;
};

/// {n, 1, 28, 28}, normalised.
at::Tensor images_tensor(const data::DigitSet& digits);
/// {n}, int64.
at::Tensor labels_tensor(const data::DigitSet& digits);

/// As a state dict. The same weights give the same bytes.
void save_weights(const Network& network, const std::filesystem::path& file);

struct Weights {
  data::StateDict tensors;
  Shapes shapes() const;
};
/// Reads what save_weights or Python wrote (read_state_dict). Throws std::runtime_error.
Weights load_weights(const std::filesystem::path& file);
/// The shapes must fit (check_fit, deduce).
void copy_weights(const Weights& weights, Network& network);

}  // namespace scanflow::cnn
