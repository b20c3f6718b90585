#include "plugins/steps/torch/online.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include "plugins/steps/torch/network.hpp"
#include "plugins/steps/torch/training.hpp"

namespace scanflow::cnn {

struct Online::Impl {
  std::string model;
  std::unique_ptr<Network> network;
  int threads = 1;
};

Online::Online(const std::filesystem::path& weights, int threads)
    : impl_(std::make_unique<Impl>()) {
  at::set_num_threads(threads);
  const Weights loaded = load_weights(weights);
  const Architecture& shape = deduce(loaded.shapes(), weights.string());
  impl_->model = shape.name;
  impl_->network = std::make_unique<Network>(shape);
  copy_weights(loaded, *impl_->network);
  impl_->network->eval();
  probabilities(std::vector<float>(data::kPixels));
}

Online::~Online() = default;

const std::string& Online::model() const { return impl_->model; }

std::vector<float> Online::probabilities(std::span<const float> images) {
  const c10::InferenceMode inference;
  const auto count = static_cast<std::int64_t>(images.size() / data::kPixels);
  if (count == 0) return {};
  const at::Tensor grey = at::from_blob(const_cast<float*>(images.data()),
                                        {count, 1, data::kSide, data::kSide}, at::kFloat);
  const at::Tensor scores = impl_->network->forward(grey.div(255.0F).sub_(kMean).div_(kDeviation));
  const at::Tensor shares = at::softmax(scores, 1).contiguous();
  const float* values = shares.data_ptr<float>();
  return {values, values + shares.numel()};
}

}  // namespace scanflow::cnn
