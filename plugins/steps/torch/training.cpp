#include "plugins/steps/torch/training.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/grad_mode.h>
#include <torch/optim/adam.h>
#include <torch/optim/sgd.h>
#include <torch/utils.h>
#include <torch/version.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <numbers>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "plugins/common/random.hpp"
#include "plugins/steps/torch/network.hpp"

namespace scanflow::cnn {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::int64_t kPredictionBatch = 500;
// Guessing among ten classes costs ln(10) = 2.3 nats; twice that is worse than knowing nothing.
constexpr double kHopeless = 4.6;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::unique_ptr<torch::optim::Optimizer> make_optimizer(const Hyperparameters& h,
                                                        Network& network) {
  if (h.optimizer == "sgd") {
    return std::make_unique<torch::optim::SGD>(
        network.parameters(), torch::optim::SGDOptions(h.learning_rate).momentum(h.momentum));
  }
  if (h.optimizer == "adam") {
    return std::make_unique<torch::optim::Adam>(network.parameters(),
                                                torch::optim::AdamOptions(h.learning_rate));
  }
  throw std::runtime_error(
      fmt::format("unknown optimizer '{}'; there are sgd and adam", h.optimizer));
}

/// Sums over batches of different size.
struct Tally {
  double loss = 0;
  double right = 0;
  std::int64_t count = 0;

  void add(double batch_loss, std::int64_t batch_right, std::int64_t size) {
    loss += batch_loss * static_cast<double>(size);
    right += static_cast<double>(batch_right);
    count += size;
  }
  Score score() const {
    const auto n = static_cast<double>(std::max<std::int64_t>(count, 1));
    return {loss / n, right / n};
  }
};

std::int64_t count_right(const at::Tensor& scores, const at::Tensor& labels) {
  return scores.argmax(1).eq(labels).sum().item<std::int64_t>();
}

class Training {
 public:
  Training(const data::DigitSet& digits, const data::DigitSet& validation,
           const Hyperparameters& hyperparameters, Network& network, Observer& observer)
      : h_(hyperparameters),
        network_(network),
        observer_(observer),
        images_(images_tensor(digits)),
        labels_(labels_tensor(digits)),
        validation_images_(images_tensor(validation)),
        validation_labels_(labels_tensor(validation)),
        optimizer_(make_optimizer(hyperparameters, network)),
        order_(digits.size()),
        random_(data::Random::stream(hyperparameters.seed, 0)) {
    std::iota(order_.begin(), order_.end(), std::int64_t{0});
  }

  Trained run() {
    Trained trained;
    for (std::int64_t epoch = 1; epoch <= h_.epochs; ++epoch) {
      const std::optional<Score> learnt = learn(epoch);
      if (!learnt) {
        trained.cancelled = true;
        break;
      }
      Epoch report{epoch, *learnt, validate(), seconds_since(start_)};
      check(report);
      observer_.on_epoch(report);
      trained.history.push_back(report);
      if (observer_.stop_early()) break;
    }
    trained.seconds = seconds_since(start_);
    return trained;
  }

 private:
  std::int64_t batches() const {
    return (static_cast<std::int64_t>(order_.size()) + h_.batch - 1) / h_.batch;
  }

  // One pass over the data in a new order; nothing where it was cancelled.
  std::optional<Score> learn(std::int64_t epoch) {
    random_.shuffle(order_);
    network_.train();
    Tally tally;
    for (std::int64_t batch = 0; batch < batches(); ++batch) {
      if (observer_.cancelled()) return std::nullopt;
      const double done = static_cast<double>((epoch - 1) * batches() + batch) /
                          static_cast<double>(h_.epochs * batches());
      set_learning_rate(done);
      learn_batch(epoch, batch, tally);
      observer_.on_batch(epoch, done + 1.0 / static_cast<double>(h_.epochs * batches()),
                         tally.score());
    }
    return tally.score();
  }

  void learn_batch(std::int64_t epoch, std::int64_t batch, Tally& tally) {
    const std::int64_t first = batch * h_.batch;
    const std::int64_t size = std::min(h_.batch, static_cast<std::int64_t>(order_.size()) - first);
    const at::Tensor chosen = at::from_blob(order_.data() + first, {size}, at::kLong);
    const at::Tensor labels = labels_.index_select(0, chosen);

    optimizer_->zero_grad();
    const at::Tensor scores = network_.forward(images_.index_select(0, chosen));
    const at::Tensor loss = at::cross_entropy_loss(scores, labels);
    const double value = loss.item<double>();
    if (!std::isfinite(value)) {
      diverged(fmt::format("the loss is {} in batch {} of epoch {}", value, batch + 1, epoch));
    }
    loss.backward();
    optimizer_->step();
    tally.add(value, count_right(scores, labels), size);
  }

  std::optional<Score> validate() {
    if (validation_labels_.size(0) == 0) return std::nullopt;
    const torch::NoGradGuard no_gradient;
    network_.eval();
    Tally tally;
    for (std::int64_t first = 0; first < validation_labels_.size(0); first += kPredictionBatch) {
      const std::int64_t size = std::min(kPredictionBatch, validation_labels_.size(0) - first);
      const at::Tensor labels = validation_labels_.narrow(0, first, size);
      const at::Tensor scores = network_.forward(validation_images_.narrow(0, first, size));
      tally.add(at::cross_entropy_loss(scores, labels).item<double>(), count_right(scores, labels),
                size);
    }
    return tally.score();
  }

  // done: share of the whole training before this batch.
  void set_learning_rate(double done) {
    const double before = std::exchange(rate_, observer_.learning_rate(rate_));
    const bool constant = h_.schedule == "constant";
    if (constant && rate_ == before) return;
    const double rate = constant ? rate_ : rate_ * 0.5 * (1.0 + std::cos(std::numbers::pi * done));
    for (auto& group : optimizer_->param_groups()) group.options().set_lr(rate);
  }

  void check(const Epoch& epoch) const {
    const bool validation_lost = epoch.validation && !std::isfinite(epoch.validation->loss);
    if (epoch.train.loss > kHopeless || validation_lost) {
      diverged(fmt::format("the loss is {:.3g} after epoch {} (guessing would give 2.3)",
                           validation_lost ? epoch.validation->loss : epoch.train.loss,
                           epoch.number));
    }
  }

  [[noreturn]] void diverged(const std::string& what) const {
    throw std::runtime_error(fmt::format(
        "training diverged: {} (model {}, optimizer {}, learning_rate {}, batch {}); lower "
        "learning_rate, to {:.2g} for a start",
        what, h_.model, h_.optimizer, rate_, h_.batch,
        std::min(rate_ / 10, h_.optimizer == "adam" ? 0.001 : 0.05)));
  }

  const Hyperparameters& h_;
  double rate_ = h_.learning_rate;
  Network& network_;
  Observer& observer_;
  at::Tensor images_;
  at::Tensor labels_;
  at::Tensor validation_images_;
  at::Tensor validation_labels_;
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
  std::vector<std::int64_t> order_;
  data::Random random_;
  Clock::time_point start_ = Clock::now();
};

}  // namespace

Trained train(const data::DigitSet& digits, const data::DigitSet& validation,
              const Hyperparameters& hyperparameters,
              const std::optional<std::filesystem::path>& init_from,
              const std::filesystem::path& out, Observer& observer) {
  if (digits.size() == 0) throw std::runtime_error("the training set is empty: nothing to learn");
  at::set_num_threads(hyperparameters.threads);
  torch::manual_seed(hyperparameters.seed);
  const Architecture& shape = architecture(hyperparameters.model);
  Network network(shape);
  if (init_from) {
    const Weights weights = load_weights(*init_from);
    check_fit(shape, weights.shapes(), init_from->string());
    copy_weights(weights, network);
  }
  Trained trained = Training(digits, validation, hyperparameters, network, observer).run();
  if (!trained.cancelled) save_weights(network, out);
  return trained;
}

std::string torch_version() { return TORCH_VERSION; }

}  // namespace scanflow::cnn
