#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/optim/adam.h>
#include <torch/utils.h>

#include <cmath>
#include <numbers>
#include <numeric>
#include <stdexcept>

#include "plugins/common/random.hpp"
#include "plugins/steps/detector/autoencoder.hpp"
#include "plugins/steps/detector/detector.hpp"

namespace scanflow::detector {
namespace {

/// One pass over the digits in a new order. done: share of the whole training before it.
class Passes {
 public:
  Passes(Autoencoder& network, const at::Tensor& digits, const Settings& settings)
      : network_(network),
        digits_(digits),
        s_(settings),
        optimizer_(network.parameters(), torch::optim::AdamOptions(settings.learning_rate)),
        order_(static_cast<std::size_t>(digits.size(0))),
        random_(data::Random::stream(settings.seed, 0)) {
    std::iota(order_.begin(), order_.end(), std::int64_t{0});
  }

  double learn(std::int64_t epoch, const std::function<void()>& stop) {
    random_.shuffle(order_);
    const auto count = static_cast<std::int64_t>(order_.size());
    double sum = 0;
    for (std::int64_t first = 0; first < count; first += s_.batch) {
      stop();
      const double done = (static_cast<double>(epoch - 1) +
                           static_cast<double>(first) / static_cast<double>(count)) /
                          static_cast<double>(s_.epochs);
      set_rate(s_.learning_rate * 0.5 * (1 + std::cos(std::numbers::pi * done)));
      const std::int64_t size = std::min(s_.batch, count - first);
      sum += learn_batch(first, size) * static_cast<double>(size);
    }
    return sum / static_cast<double>(count);
  }

 private:
  void set_rate(double rate) {
    for (auto& group : optimizer_.param_groups()) group.options().set_lr(rate);
  }

  double learn_batch(std::int64_t first, std::int64_t size) {
    const at::Tensor clean =
        digits_.index_select(0, at::from_blob(order_.data() + first, {size}, at::kLong));
    const at::Tensor noisy = at::randn_like(clean).mul_(s_.noise).add_(clean).clamp_(0, 1);
    optimizer_.zero_grad();
    // Not the mean square by which it is judged: where the sigmoid is flat, that hardly learns.
    const at::Tensor loss = at::binary_cross_entropy_with_logits(network_.logits(noisy), clean);
    const double value = loss.item<double>();
    if (!std::isfinite(value)) {
      throw std::runtime_error(
          fmt::format("training diverged: the loss is {}; lower learning_rate (now {})", value,
                      s_.learning_rate));
    }
    loss.backward();
    optimizer_.step();
    return value;
  }

  Autoencoder& network_;
  const at::Tensor& digits_;
  const Settings& s_;
  torch::optim::Adam optimizer_;
  std::vector<std::int64_t> order_;
  data::Random random_;
};

}  // namespace

Trained train(const data::DigitSet& digits, const data::DigitSet& validation,
              const Settings& settings, const std::filesystem::path& out,
              const std::function<void(const Epoch&)>& on_epoch,
              const std::function<void()>& stop) {
  if (digits.size() == 0) throw std::runtime_error("the training set is empty: nothing to learn");
  // Before the work: too few validation digits are found out at once.
  threshold_of(std::vector<float>(validation.size()), settings.quantile);
  at::set_num_threads(settings.threads);
  torch::manual_seed(settings.seed);
  Autoencoder network(settings.code);
  const at::Tensor pixels = pixels_of(digits);
  Passes passes(network, pixels, settings);
  Trained trained;
  for (std::int64_t epoch = 1; epoch <= settings.epochs; ++epoch) {
    trained.loss = passes.learn(epoch, stop);
    on_epoch({epoch, trained.loss});
  }
  const at::Tensor errors = errors_of(network, pixels_of(validation)).contiguous();
  const auto* values = errors.data_ptr<float>();
  trained.validation_error = errors.mean().item<double>();
  trained.threshold = threshold_of({values, values + errors.numel()}, settings.quantile);
  trained.parameters = network.parameter_count();
  write_detector(network, trained.threshold, out);
  return trained;
}

}  // namespace scanflow::detector
