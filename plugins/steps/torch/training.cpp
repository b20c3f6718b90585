#include "plugins/steps/torch/training.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/grad_mode.h>
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
#include "plugins/steps/torch/checkpoint.hpp"
#include "plugins/steps/torch/network.hpp"
#include "plugins/steps/torch/optimizer.hpp"

namespace scanflow::cnn {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::int64_t kPredictionBatch = 500;
// Guessing among ten classes costs ln(10) = 2.3 nats; twice that is worse than knowing nothing.
constexpr double kHopeless = 4.6;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

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

  Trained run(const Checkpoint* from) {
    if (from != nullptr) {
      restore(*from);
    } else {
      begin_epoch(1);
    }
    const Snapshot snapshot = [this] { return this->snapshot(); };
    observer_.on_start(snapshot);
    for (;;) {
      if (!learn()) return {true, history_, seconds()};
      const Epoch report{epoch_, tally_.score(), validate(), batch_rate_, seconds()};
      check(report);
      observer_.on_epoch(report);
      history_.push_back(report);
      if (epoch_ == h_.epochs || observer_.stop_early()) return {false, history_, seconds()};
      begin_epoch(epoch_ + 1);
    }
  }

 private:
  std::int64_t batches() const {
    return (static_cast<std::int64_t>(order_.size()) + h_.batch - 1) / h_.batch;
  }
  double seconds() const { return seconds_before_ + seconds_since(start_); }

  /// In a new order.
  void begin_epoch(std::int64_t epoch) {
    epoch_ = epoch;
    batch_ = 0;
    tally_ = {};
    random_.shuffle(order_);
  }

  Checkpoint snapshot() const {
    Checkpoint now;
    now.epoch = epoch_;
    now.batch = batch_;
    now.tally = tally_;
    now.learning_rate = rate_;
    now.order = order_;
    now.random = random_.state();
    now.history = history_;
    now.seconds = seconds();
    now.tensors = tensors_of(network_, *optimizer_);
    return now;
  }

  void restore(const Checkpoint& from) {
    const bool fits = from.order.size() == order_.size() && from.epoch >= 1 &&
                      from.epoch <= h_.epochs && from.batch >= 0 && from.batch < batches();
    if (!fits) throw BadCheckpoint("it is of another amount of data, or of other epochs");
    try {
      set_tensors(from.tensors, network_, *optimizer_);
    } catch (const std::runtime_error& error) {
      throw BadCheckpoint(error.what());
    }
    epoch_ = from.epoch;
    batch_ = from.batch;
    tally_ = from.tally;
    rate_ = from.learning_rate;
    order_ = from.order;
    random_ = data::Random(from.random);
    history_ = from.history;
    seconds_before_ = from.seconds;
  }

  /// The rest of the epoch; false where it was cancelled.
  bool learn() {
    network_.train();
    observer_.on_epoch_begin(epoch_);
    const auto all = static_cast<double>(h_.epochs * batches());
    for (; batch_ < batches(); ++batch_) {
      if (observer_.cancelled()) return false;
      const auto before = static_cast<double>((epoch_ - 1) * batches() + batch_);
      set_learning_rate(before / all);
      const std::int64_t size = learn_batch();
      observer_.on_batch({epoch_, size, batch_rate_, (before + 1) / all, tally_.score()});
    }
    return true;
  }

  /// How many digits it had.
  std::int64_t learn_batch() {
    const std::int64_t first = batch_ * h_.batch;
    const std::int64_t size = std::min(h_.batch, static_cast<std::int64_t>(order_.size()) - first);
    const at::Tensor chosen = at::from_blob(order_.data() + first, {size}, at::kLong);
    const at::Tensor labels = labels_.index_select(0, chosen);

    optimizer_->zero_grad();
    const at::Tensor scores = network_.forward(images_.index_select(0, chosen));
    const at::Tensor loss = at::cross_entropy_loss(scores, labels);
    const double value = loss.item<double>();
    if (!std::isfinite(value)) {
      diverged(fmt::format("the loss is {} in batch {} of epoch {}", value, batch_ + 1, epoch_));
    }
    loss.backward();
    optimizer_->step();
    tally_.add(value, count_right(scores, labels), size);
    return size;
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
    rate_ = observer_.learning_rate(rate_);
    batch_rate_ =
        h_.schedule == "constant" ? rate_ : rate_ * 0.5 * (1.0 + std::cos(std::numbers::pi * done));
    for (auto& group : optimizer_->param_groups()) group.options().set_lr(batch_rate_);
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
  Network& network_;
  Observer& observer_;
  at::Tensor images_;
  at::Tensor labels_;
  at::Tensor validation_images_;
  at::Tensor validation_labels_;
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
  Clock::time_point start_ = Clock::now();
  double seconds_before_ = 0;  // that earlier attempts have spent

  // Where it is: all that a checkpoint holds, beside the weights and the optimizer's memory.
  std::int64_t epoch_ = 0;
  std::int64_t batch_ = 0;  // the next one
  Tally tally_;             // of this epoch
  double rate_ = h_.learning_rate;
  double batch_rate_ = 0;  // after the schedule
  std::vector<std::int64_t> order_;
  data::Random random_;
  std::vector<Epoch> history_;
};

}  // namespace

Trained train(const data::DigitSet& digits, const data::DigitSet& validation,
              const Hyperparameters& hyperparameters,
              const std::optional<std::filesystem::path>& init_from,
              const std::filesystem::path& out, Observer& observer, const Checkpoint* from) {
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
  Trained trained = Training(digits, validation, hyperparameters, network, observer).run(from);
  if (!trained.cancelled) save_weights(network, out);
  return trained;
}

std::string torch_version() { return TORCH_VERSION; }

}  // namespace scanflow::cnn
