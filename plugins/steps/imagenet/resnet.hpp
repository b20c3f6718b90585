// ResNet-50 in libtorch, for inference. Includes a header of it: only for the few files that must.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "plugins/common/state_dict.hpp"
#include "plugins/steps/imagenet/layout.hpp"

namespace scanflow::imagenet {

/// Weights drawn by `seed` (He et al. 2015, as torchvision begins a training; the last normalisation
/// of each block scales by 0.2, so that the sums over 16 blocks stay small). The same seed gives the
/// same weights with the same libtorch.
data::StateDict seeded_weights(const Layout& layout, std::uint64_t seed);

/// What a convolution and its normalisation come to where their statistics no longer change
/// (Jacob et al. 2018): w' = w * gamma / sqrt(variance + epsilon), b' = beta - mean * that.
struct Folded {
  at::Tensor weight, bias;
  std::int64_t stride = 1, padding = 0;
};

class Resnet {
 public:
  /// The shapes must fit (check_fit).
  Resnet(const Layout& layout, const data::StateDict& weights);
  /// {n, 3, 224, 224}, normalised -> {n, 1000}, before softmax. No gradients.
  at::Tensor logits(const at::Tensor& images) const;

 private:
  struct FoldedBlock {
    Folded reduce, spatial, expand;
    std::optional<Folded> shortcut;
  };
  Folded fold(const Convolution& convolution, const data::StateDict& weights) const;
  at::Tensor apply(const Folded& folded, const at::Tensor& x) const;

  // oneDNN's own layout of memory, from the first convolution to the last: 12 times as fast here as
  // libtorch's (README.md). Where libtorch was built without oneDNN, its own.
  bool onednn_;
  Folded stem_;
  std::vector<FoldedBlock> blocks_;
  at::Tensor fc_weight_, fc_bias_;
};

}  // namespace scanflow::imagenet
