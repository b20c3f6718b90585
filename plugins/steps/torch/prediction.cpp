#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/grad_mode.h>

#include <algorithm>

#include "plugins/steps/torch/network.hpp"
#include "plugins/steps/torch/training.hpp"

namespace scanflow::cnn {

std::optional<Predictions> predict(const std::filesystem::path& weights,
                                   const data::DigitSet& digits, std::int64_t batch, int threads,
                                   const std::function<bool()>& cancelled) {
  at::set_num_threads(threads);
  const Weights loaded = load_weights(weights);
  const Architecture& shape = deduce(loaded.shapes(), weights.string());
  Network network(shape);
  copy_weights(loaded, network);
  network.eval();

  const torch::NoGradGuard no_gradient;
  const at::Tensor images = images_tensor(digits);
  const at::Tensor labels = labels_tensor(digits);
  Predictions out{std::string(shape.name), {}, 0};
  out.probabilities.reserve(digits.size() * data::kClasses);
  double loss = 0;
  for (std::int64_t first = 0; first < labels.size(0); first += batch) {
    if (cancelled()) return std::nullopt;
    const std::int64_t size = std::min(batch, labels.size(0) - first);
    const at::Tensor scores = network.forward(images.narrow(0, first, size));
    loss += at::cross_entropy_loss(scores, labels.narrow(0, first, size)).item<double>() *
            static_cast<double>(size);
    const at::Tensor shares = at::softmax(scores, 1).contiguous();
    const float* values = shares.data_ptr<float>();
    out.probabilities.insert(out.probabilities.end(), values, values + shares.numel());
  }
  out.loss = loss / static_cast<double>(std::max<std::int64_t>(labels.size(0), 1));
  return out;
}

}  // namespace scanflow::cnn
