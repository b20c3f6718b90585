#include "plugins/steps/torch/network.hpp"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/grad_mode.h>
#include <torch/nn/functional/activation.h>
#include <torch/nn/functional/pooling.h>
#include <torch/serialize.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace scanflow::cnn {
namespace {

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

constexpr const char* kNoStateDict =
    "holds something else than a dictionary of names and tensors (a state dict); save it in Python "
    "with torch.save(dict(network.state_dict()), file)";

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& what) {
  throw std::runtime_error(fmt::format("{}: {}", file.string(), what));
}

std::vector<char> read_all(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) fail(file, fmt::format("cannot open: {}", std::generic_category().message(errno)));
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

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
  c10::Dict<std::string, at::Tensor> dictionary;
  for (const auto& item : network.named_parameters()) {
    dictionary.insert(item.key(), item.value().detach());
  }
  const std::vector<char> bytes = torch::pickle_save(dictionary);
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out) fail(file, fmt::format("cannot write: {}", std::generic_category().message(errno)));
}

Shapes Weights::shapes() const {
  Shapes out;
  for (const auto& [name, tensor] : tensors) out[name] = tensor.sizes().vec();
  return out;
}

Weights load_weights(const std::filesystem::path& file) {
  const std::vector<char> bytes = read_all(file);
  Weights weights;
  try {
    const c10::IValue value = torch::pickle_load(bytes);
    if (!value.isGenericDict()) fail(file, kNoStateDict);
    for (const auto& entry : value.toGenericDict()) {
      if (!entry.key().isString() || !entry.value().isTensor()) {
        fail(file, kNoStateDict);
      }
      weights.tensors[entry.key().toStringRef()] = entry.value().toTensor();
    }
  } catch (const c10::Error& error) {
    fail(file, fmt::format("is no weights file that can be read here ({} bytes): {}; expected is "
                           "the artifact model of torch.train, or what Python's "
                           "torch.save(dict(network.state_dict()), file) writes",
                           bytes.size(), first_line(error.what_without_backtrace())));
  }
  return weights;
}

void copy_weights(const Weights& weights, Network& network) {
  const torch::NoGradGuard no_gradient;
  for (auto& item : network.named_parameters()) {
    item.value().copy_(weights.tensors.at(item.key()));
  }
}

}  // namespace scanflow::cnn
