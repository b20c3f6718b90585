#include "plugins/steps/torch/train_step.hpp"

#include <fmt/format.h>

#include <fstream>

#include "plugins/common/byte_source.hpp"
#include "plugins/steps/torch/architecture.hpp"
#include "plugins/steps/torch/card.hpp"
#include "plugins/steps/torch/checkpoint.hpp"
#include "plugins/steps/torch/train_reporter.hpp"
#include "plugins/steps/torch/training.hpp"

namespace scanflow::cnn {
namespace {

using data::DigitSet;
using data::group_digits;

Hyperparameters hyperparameters_of(const TrainConfig& config, const Context& context) {
  return {
      config.model,     config.epochs,   config.batch,    config.learning_rate,
      config.optimizer, config.momentum, config.schedule, static_cast<std::uint64_t>(config.seed),
      context.threads()};
}

/// What decides the weights, but for the number of threads: in it attempts on another machine may
/// differ, and still go on with each other's work.
std::string work_of(const Hyperparameters& h, const Context& context) {
  nlohmann::json work = {{"model", h.model},         {"epochs", h.epochs},
                         {"batch", h.batch},         {"learning_rate", h.learning_rate},
                         {"optimizer", h.optimizer}, {"momentum", h.momentum},
                         {"schedule", h.schedule},   {"seed", h.seed}};
  for (const char* input : {"dataset", "validation", "init_from"}) {
    if (context.has_input(input)) work[input] = context.input_sha256(input);
  }
  return sha256_of(work.dump());
}

void write_card(const Context& context, const nlohmann::json& card) {
  const auto path = context.artifact_file("card");
  std::ofstream out(path);
  out << card.dump(2) << '\n';
  out.close();
  if (!out) throw Error(path.string() + ": cannot write the model card (disk full?)");
}

nlohmann::json training_outputs(const Hyperparameters& h, const Trained& trained) {
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

Description Train::describe() {
  return {.id = "torch.train",
          .version = "1.2.0",
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
                      {"seconds", "number", "spent training, with that of earlier attempts"},
                      {"resumed_from_epoch", "integer",
                       "in which an earlier attempt's checkpoint was; absent without one"}},
          .artifacts = {{"model", "weights: a state dict that Python's torch.load reads"},
                        {"card", "model card (JSON): what it is, made of what, and how good"}}};
}

void Train::commands(Commands<Train>& offer) {
  offer.pausable(&Train::on_pause);
  offer.at_safe_point("checkpoint", "writes down where it is, so that another attempt can go on",
                      &Train::checkpoint);
  offer.at_safe_point("set_param", "changes the learning rate", &Train::set_param);
  offer.at_safe_point("stop_early", "ends well after the epoch that it is in", &Train::stop_early);
}

void Train::on_pause(Context& /*context*/, bool paused) { reporter_->pause(paused); }

nlohmann::json Train::checkpoint(Context& /*context*/) { return reporter_->save(); }

nlohmann::json Train::set_param(Context& /*context*/, const TrainParams& params) {
  reporter_->set_learning_rate(params.learning_rate);
  return {{"learning_rate", params.learning_rate}};
}

nlohmann::json Train::stop_early(Context& /*context*/) {
  reporter_->stop();
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
  TrainReporter reporter(context, h, config_.checkpoint_every, work_of(h, context));
  reporter_ = &reporter;
  const auto model = context.artifact_file("model");
  auto from = reporter.find();
  Trained trained;
  try {
    trained = train(digits, validation, h, init_from, model, reporter, from ? &*from : nullptr);
  } catch (const BadCheckpoint& error) {
    reporter.begin_anew(error.what());
    from.reset();
    trained = train(digits, validation, h, init_from, model, reporter);
  }
  if (trained.cancelled) throw Cancelled();
  if (trained.history.back().train.accuracy < 0.2) {
    context.warning("the model does little better than guessing (0.1): try another learning_rate");
  }
  write_card(context, make_card(h, trained, {context.input_sha256("dataset"), digits.size()},
                                validation_record, init_from_sha256));
  auto outputs = training_outputs(h, trained);
  if (from) outputs["resumed_from_epoch"] = from->epoch;
  return outputs;
}

}  // namespace scanflow::cnn
