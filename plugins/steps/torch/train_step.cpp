#include "plugins/steps/torch/train_step.hpp"

#include <fmt/format.h>

#include <chrono>
#include <fstream>

#include "plugins/common/byte_source.hpp"
#include "plugins/steps/torch/architecture.hpp"
#include "plugins/steps/torch/card.hpp"
#include "plugins/steps/torch/training.hpp"

namespace scanflow::cnn {
namespace {

using data::DigitSet;
using data::group_digits;

constexpr std::chrono::milliseconds kProgressEvery{100};  // people read no faster

Hyperparameters hyperparameters_of(const TrainConfig& config, const Context& context) {
  return {
      config.model,     config.epochs,   config.batch,    config.learning_rate,
      config.optimizer, config.momentum, config.schedule, static_cast<std::uint64_t>(config.seed),
      context.threads()};
}

void write_card(const Context& context, const nlohmann::json& card) {
  const auto path = context.artifact_file("card");
  std::ofstream out(path);
  out << card.dump(2) << '\n';
  out.close();
  if (!out) throw Error(path.string() + ": cannot write the model card (disk full?)");
}

nlohmann::json outputs_of(const Hyperparameters& h, const Trained& trained) {
  const Epoch& last = trained.history.back();
  nlohmann::json outputs = {{"accuracy", last.train.accuracy},
                            {"loss", last.train.loss},
                            {"epochs", trained.history.size()},
                            {"parameters", architecture(h.model).parameters()},
                            {"seconds", trained.seconds}};
  std::string summary =
      fmt::format("{}, {} weights, {} epoch{}: ", h.model,
                  group_digits(static_cast<std::uint64_t>(architecture(h.model).parameters())),
                  trained.history.size(), trained.history.size() == 1 ? "" : "s");
  if (last.validation) {
    outputs["validation_accuracy"] = last.validation->accuracy;
    outputs["validation_loss"] = last.validation->loss;
    summary += fmt::format("validation accuracy {:.3f}", last.validation->accuracy);
  } else {
    summary += fmt::format("training accuracy {:.3f}", last.train.accuracy);
  }
  outputs["summary"] = summary;
  return outputs;
}

}  // namespace

/// Shows the training while it runs (progress within an epoch, metrics after each), and steers it.
class Train::Reporter final : public Observer {
 public:
  Reporter(Train& step, Context& context, std::int64_t epochs)
      : step_(step), context_(context), epochs_(epochs) {}

  bool cancelled() override {
    try {
      context_.safe_point();
      return false;
    } catch (const Cancelled&) {
      return true;
    }
  }
  double learning_rate(double now) override { return step_.rate_.value_or(now); }
  bool stop_early() override { return step_.stop_; }

  void on_batch(std::int64_t epoch, double done, const Score& so_far) override {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_progress_ < kProgressEvery) return;
    last_progress_ = now;
    context_.progress(done, fmt::format("epoch {}/{}  loss {:.3f}  accuracy {:.3f}", epoch, epochs_,
                                        so_far.loss, so_far.accuracy));
  }

  void on_epoch(const Epoch& epoch) override {
    context_.log_metric("loss", epoch.train.loss, epoch.number, {{"set", "train"}});
    context_.log_metric("accuracy", epoch.train.accuracy, epoch.number, {{"set", "train"}});
    std::string line = fmt::format("epoch {}/{}  loss {:.4f}  accuracy {:.4f}", epoch.number,
                                   epochs_, epoch.train.loss, epoch.train.accuracy);
    if (epoch.validation) {
      context_.log_metric("loss", epoch.validation->loss, epoch.number, {{"set", "validation"}});
      context_.log_metric("accuracy", epoch.validation->accuracy, epoch.number,
                          {{"set", "validation"}});
      line += fmt::format("  validation loss {:.4f}  accuracy {:.4f}", epoch.validation->loss,
                          epoch.validation->accuracy);
    }
    context_.info(fmt::format("{}  {:.1f} s", line, epoch.seconds));
  }

 private:
  Train& step_;
  Context& context_;
  std::int64_t epochs_;
  std::chrono::steady_clock::time_point last_progress_;
};

Description Train::describe() {
  return {.id = "torch.train",
          .version = "1.1.0",
          .summary = "Trains a small convolutional network to read digits",
          .inputs = {{"dataset", "dataset directory to train with"},
                     {"validation", "dataset directory to measure each epoch on", optional},
                     {"init_from", "weights of the same model to start from", optional}},
          .outputs = {{"accuracy", "number", "on the training data, over the last epoch"},
                      {"loss", "number", "on the training data, over the last epoch"},
                      {"validation_accuracy", "number",
                       "after the last epoch; absent without validation data"},
                      {"validation_loss", "number",
                       "after the last epoch; absent without validation data"},
                      {"epochs", "integer", "passes over the training data"},
                      {"parameters", "integer", "number of weights"},
                      {"seconds", "number", "spent training"}},
          .artifacts = {{"model", "weights: a state dict that Python's torch.load reads"},
                        {"card", "model card (JSON): what it is, made of what, and how good"}}};
}

void Train::commands(Commands<Train>& offer) {
  offer.pausable();
  offer.at_safe_point("set_param", "changes the learning rate", &Train::set_param);
  offer.at_safe_point("stop_early", "ends well after the epoch that it is in", &Train::stop_early);
}

nlohmann::json Train::set_param(Context& context, const TrainParams& params) {
  rate_ = params.learning_rate;
  context.info(fmt::format("the learning rate is {} from here on", *rate_));
  return {{"learning_rate", *rate_}};
}

nlohmann::json Train::stop_early(Context& context) {
  stop_ = true;
  context.info("this epoch is the last one");
  return nullptr;
}

nlohmann::json Train::run(Context& context) {
  const DigitSet digits = data::read_dataset(context.input("dataset"));
  DigitSet validation;
  std::optional<DataRecord> validation_record;
  if (context.has_input("validation")) {
    validation = data::read_dataset(context.input("validation"));
    validation_record = {context.input_sha256("validation"), validation.size()};
  }
  std::optional<std::filesystem::path> init_from;
  std::optional<std::string> init_from_sha256;
  if (context.has_input("init_from")) {
    init_from = context.input("init_from");
    init_from_sha256 = context.input_sha256("init_from");
  }

  const Hyperparameters h = hyperparameters_of(config_, context);
  context.info(fmt::format("training {} ({} weights) on {} digits, {} thread{}", h.model,
                           architecture(h.model).parameters(), group_digits(digits.size()),
                           h.threads, h.threads == 1 ? "" : "s"));
  Reporter reporter(*this, context, h.epochs);
  const Trained trained =
      train(digits, validation, h, init_from, context.artifact_file("model"), reporter);
  if (trained.cancelled) throw Cancelled();
  if (trained.history.back().train.accuracy < 0.2) {
    context.warning("the model does little better than guessing (0.1): try another learning_rate");
  }
  write_card(context, make_card(h, trained, {context.input_sha256("dataset"), digits.size()},
                                validation_record, init_from_sha256));
  return outputs_of(h, trained);
}

}  // namespace scanflow::cnn
