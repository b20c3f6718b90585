#include "plugins/steps/detector/train_step.hpp"

#include <fmt/format.h>

#include "plugins/common/byte_source.hpp"
#include "plugins/steps/detector/detector.hpp"

namespace scanflow::detector {

Description Train::describe() {
  return {.id = "detector.train",
          .version = "1.0.0",
          .summary = "Trains a denoising autoencoder to tell digits that it has not learnt",
          .inputs = {{"dataset", "dataset directory of clean digits to train with"},
                     {"validation", "others, by whose errors the threshold is set"}},
          .outputs = {{"threshold", "number", "an error above it is an outlier's"},
                      {"expected_share", "number", "of clean digits that are above it"},
                      {"validation_error", "number", "mean square of what is drawn wrongly"},
                      {"loss", "number",
                       "of noisy digits, last epoch: cross entropy of a pixel, in nats"},
                      {"epochs", "integer", "passes over the training data"},
                      {"parameters", "integer", "number of weights"}},
          .artifacts = {
              {"detector", "weights and threshold: a state dict that Python's torch.load reads"}}};
}

nlohmann::json Train::run(Context& context) {
  const auto digits = data::read_dataset(context.input("dataset"));
  const auto validation = data::read_dataset(context.input("validation"));
  const Settings settings{config_.code,
                          config_.epochs,
                          config_.batch,
                          config_.learning_rate,
                          config_.noise,
                          config_.quantile,
                          static_cast<std::uint64_t>(config_.seed),
                          context.threads()};
  const auto on_epoch = [&](const Epoch& epoch) {
    context.log_metric("loss", epoch.loss, epoch.number);
    context.progress(static_cast<double>(epoch.number) / static_cast<double>(settings.epochs),
                     fmt::format("epoch {}/{}", epoch.number, settings.epochs));
  };
  const Trained trained = train(digits, validation, settings, context.artifact_file("detector"),
                                on_epoch, [&] { context.throw_if_cancelled(); });
  context.log_metric("validation_error", trained.validation_error, settings.epochs);
  return {{"threshold", trained.threshold.value},
          {"expected_share", trained.threshold.expected_share()},
          {"validation_error", trained.validation_error},
          {"loss", trained.loss},
          {"epochs", settings.epochs},
          {"parameters", trained.parameters},
          {"summary", fmt::format("error {:.4f} on {} validation digits, outliers above {:.4f}",
                                  trained.validation_error, data::group_digits(validation.size()),
                                  trained.threshold.value)}};
}

}  // namespace scanflow::detector
