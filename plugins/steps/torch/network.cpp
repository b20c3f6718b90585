#include "plugins/steps/torch/network.hpp"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/grad_mode.h>
#include <torch/nn/functional/activation.h>
#include <torch/nn/functional/pooling.h>

#include <string>
#include <utility>
#include <vector>

namespace scanflow::cnn {

Network::Network(const Architecture& a)
    : conv1_(torch::nn::Conv2dOptions(1, a.channels1, a.kernel1)),
      conv2_(torch::nn::Conv2dOptions(a.channels1, a.channels2, a.kernel2)),
      hidden_(a.flat(), a.hidden),
      classes_(a.hidden, data::kClasses) {
  register_module("conv1", conv1_);
  register_module("conv2", conv2_);
  register_module("hidden", hidden_);
  register_module("classes", classes_);
}

at::Tensor Network::forward(at::Tensor images) {
  at::Tensor x = at::relu(at::max_pool2d(conv1_->forward(images), 2));
  x = at::relu(at::max_pool2d(conv2_->forward(x), 2));
  x = at::relu(hidden_->forward(x.flatten(1)));
  return classes_->forward(x);
}

at::Tensor images_tensor(const data::DigitSet& digits) {
  const auto count = static_cast<std::int64_t>(digits.size());
  const at::Tensor bytes = at::from_blob(const_cast<std::uint8_t*>(digits.pixels.data()),
                                         {count, 1, data::kSide, data::kSide}, at::kByte);
  return bytes.to(at::kFloat).div_(255.0F).sub_(kMean).div_(kDeviation);
}

at::Tensor labels_tensor(const data::DigitSet& digits) {
  const auto count = static_cast<std::int64_t>(digits.size());
  return at::from_blob(const_cast<std::uint8_t*>(digits.labels.data()), {count}, at::kByte)
      .to(at::kLong);
}

void save_weights(const Network& network, const std::filesystem::path& file) {
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  const auto parameters = network.named_parameters();
  tensors.reserve(parameters.size());
  for (const auto& item : parameters) tensors.emplace_back(item.key(), item.value());
  data::write_state_dict(tensors, file);
}

Shapes Weights::shapes() const {
  Shapes out;
  for (const auto& [name, tensor] : tensors) out[name] = tensor.sizes().vec();
  return out;
}

Weights load_weights(const std::filesystem::path& file) {
  return {data::read_state_dict(file, "the artifact model of torch.train")};
}

void copy_weights(const Weights& weights, Network& network) {
  const torch::NoGradGuard no_gradient;
  for (auto& item : network.named_parameters()) {
    item.value().copy_(weights.tensors.at(item.key()));
  }
}

}  // namespace scanflow::cnn
