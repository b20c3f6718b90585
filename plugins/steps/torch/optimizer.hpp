// What moves the weights. Includes libtorch: only for the few files that must.
#pragma once

#include <torch/optim/optimizer.h>

#include <memory>
#include <string>

#include "plugins/steps/torch/network.hpp"
#include "plugins/steps/torch/training.hpp"

namespace scanflow::cnn {

/// Of the network's weights. Throws std::runtime_error for an unknown kind.
std::unique_ptr<torch::optim::Optimizer> make_optimizer(const Hyperparameters& hyperparameters,
                                                        Network& network);

/// The weights and what the optimizer remembers of the steps it has made (momentum, moments), as
/// PyTorch's archive.
std::string tensors_of(const Network& network, const torch::optim::Optimizer& optimizer);
/// Puts both back, bit for bit. Throws std::runtime_error where they are of other shapes or another
/// optimizer; then both may hold anything.
void set_tensors(const std::string& archive, Network& network, torch::optim::Optimizer& optimizer);

}  // namespace scanflow::cnn
