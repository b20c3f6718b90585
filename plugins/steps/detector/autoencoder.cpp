#include "plugins/steps/detector/autoencoder.hpp"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/csrc/autograd/grad_mode.h>

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

namespace scanflow::detector {
namespace {

constexpr std::int64_t kHidden = 128;
constexpr std::int64_t kInputs = data::kPixels;
constexpr std::int64_t kTogether = 500;  // digits; a matter of memory only

const at::Tensor& need(const data::StateDict& tensors, const std::string& name,
                       const std::filesystem::path& file) {
  const auto found = tensors.find(name);
  if (found != tensors.end()) return found->second;
  throw std::runtime_error(
      fmt::format("{}: holds no '{}', so it is no detector; give the artifact detector of "
                  "detector.train",
                  file.string(), name));
}

/// As the layer's forward(), but as a convolution of single pixels: libtorch gives those of several
/// rows to oneDNN, and matrix products to the BLAS of the system, which may be a plain one (Debian's
/// libblas3: four times as slow).
at::Tensor dense(const torch::nn::Linear& layer, const at::Tensor& rows) {
  const at::Tensor& weight = layer->weight;
  return at::conv2d(rows.unsqueeze(2).unsqueeze(3), weight.unsqueeze(2).unsqueeze(3), layer->bias)
      .flatten(1);
}

}  // namespace

Autoencoder::Autoencoder(std::int64_t code)
    : encode1_(kInputs, kHidden),
      encode2_(kHidden, code),
      decode1_(code, kHidden),
      decode2_(kHidden, kInputs) {
  register_module("encode1", encode1_);
  register_module("encode2", encode2_);
  register_module("decode1", decode1_);
  register_module("decode2", decode2_);
}

at::Tensor Autoencoder::logits(const at::Tensor& digits) {
  const at::Tensor code = dense(encode2_, at::relu(dense(encode1_, digits)));
  return dense(decode2_, at::relu(dense(decode1_, code)));
}

at::Tensor Autoencoder::forward(const at::Tensor& digits) { return at::sigmoid(logits(digits)); }

std::int64_t Autoencoder::parameter_count() const {
  std::int64_t total = 0;
  const auto all = parameters();
  for (const at::Tensor& each : all) total += each.numel();
  return total;
}

at::Tensor pixels_of(const data::DigitSet& digits) {
  const auto count = static_cast<std::int64_t>(digits.size());
  const at::Tensor bytes =
      at::from_blob(const_cast<std::uint8_t*>(digits.pixels.data()), {count, kInputs}, at::kByte);
  return bytes.to(at::kFloat).div_(255.0F);
}

at::Tensor errors_of(Autoencoder& network, const at::Tensor& digits) {
  const c10::InferenceMode inference;
  std::vector<at::Tensor> parts;
  for (std::int64_t first = 0; first < digits.size(0); first += kTogether) {
    const at::Tensor part = digits.narrow(0, first, std::min(kTogether, digits.size(0) - first));
    parts.push_back(network.forward(part).sub_(part).square_().mean(1));
  }
  return parts.empty() ? at::empty({0}) : at::cat(parts);
}

void write_detector(const Autoencoder& network, const Threshold& threshold,
                    const std::filesystem::path& file) {
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  const auto parameters = network.named_parameters();
  for (const auto& item : parameters) tensors.emplace_back(item.key(), item.value());
  tensors.emplace_back("threshold", at::full({}, threshold.value, at::kDouble));
  tensors.emplace_back("threshold_rank", at::full({}, threshold.rank, at::kLong));
  tensors.emplace_back("validation_count", at::full({}, threshold.of, at::kLong));
  data::write_state_dict(tensors, file);
}

Loaded read_detector(const std::filesystem::path& file) {
  const auto tensors = data::read_state_dict(file, "the artifact detector of detector.train");
  const at::Tensor& code = need(tensors, "encode2.bias", file);
  Loaded loaded{std::make_shared<Autoencoder>(code.numel()), {}};
  const torch::NoGradGuard no_gradient;
  for (auto& item : loaded.network->named_parameters()) {
    const at::Tensor& given = need(tensors, item.key(), file);
    if (given.sizes() != item.value().sizes()) {
      throw std::runtime_error(fmt::format("{}: {} is [{}], expected [{}]", file.string(),
                                           item.key(), fmt::join(given.sizes(), ", "),
                                           fmt::join(item.value().sizes(), ", ")));
    }
    item.value().copy_(given);
  }
  loaded.threshold = {need(tensors, "threshold", file).item<double>(),
                      need(tensors, "threshold_rank", file).item<std::int64_t>(),
                      need(tensors, "validation_count", file).item<std::int64_t>()};
  const Threshold& t = loaded.threshold;
  if (t.rank < 1 || t.rank > t.of) {
    throw std::runtime_error(
        fmt::format("{}: threshold_rank is {} of {} validation digits: the "
                    "file is damaged; train the detector again",
                    file.string(), t.rank, t.of));
  }
  return loaded;
}

}  // namespace scanflow::detector
