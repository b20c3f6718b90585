#include "plugins/steps/torch/predict_step.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "plugins/common/digit_set.hpp"
#include "plugins/steps/torch/training.hpp"

namespace scanflow::cnn {
namespace {

using nlohmann::json;

constexpr std::int64_t kSideOf = data::kSide;

std::uint8_t most_likely(const float* shares) {
  return static_cast<std::uint8_t>(std::max_element(shares, shares + data::kClasses) - shares);
}

}  // namespace

Description Predict::describe() {
  return {.id = "torch.predict",
          .version = "1.0.0",
          .summary = "Reads digits with trained weights: a whole dataset, or online",
          .inputs = {{"model", "weights of torch.train, or a state dict of Python's torch.save"},
                     {"dataset", "dataset directory to read, in a pipeline", optional}},
          .outputs = {{"count", "integer", "digits read"},
                      {"model", "string", "the architecture, told by the weights"},
                      {"classes", "array", "how often each digit was predicted"}},
          .artifacts = {{"predictions", "the dataset with the predicted digits as its labels"}}};
}

json Predict::run(Context& context) {
  data::DigitSet digits = data::read_dataset(context.input("dataset"));
  const auto predictions = predict(context.input("model"), digits, config_.batch, context.threads(),
                                   [&context] { return context.cancelled(); });
  if (!predictions) throw Cancelled();
  std::vector<std::int64_t> classes(data::kClasses);
  for (std::size_t i = 0; i < digits.size(); ++i) {
    digits.labels[i] = most_likely(&predictions->probabilities[i * data::kClasses]);
    ++classes[digits.labels[i]];
  }
  data::write_dataset(context.artifact_directory("predictions"), digits);
  return {{"count", digits.size()},
          {"model", predictions->model},
          {"classes", classes},
          {"summary", fmt::format("{}: {} digits read", predictions->model,
                                  data::group_digits(digits.size()))}};
}

Signature Predict::load(const Loading& loading) {
  online_ = std::make_unique<Online>(loading.input("model"), loading.threads());
  return {.inputs = {{"images", DataType::fp32, {-1, 1, kSideOf, kSideOf}}},
          .outputs = {{"probabilities", DataType::fp32, {-1, data::kClasses}},
                      {"digits", DataType::int64, {-1}}},
          .batchable = true};
}

void Predict::infer(const Tensors& inputs, TensorOutputs& outputs) {
  const TensorView images = inputs["images"];
  const std::vector<float> shares = online_->probabilities(images.values<float>());
  const std::int64_t count = images.shape()[0];
  std::vector<std::int64_t> digits;
  digits.reserve(static_cast<std::size_t>(count));
  for (std::size_t first = 0; first < shares.size(); first += data::kClasses)
    digits.push_back(most_likely(&shares[first]));
  outputs.put("probabilities", Shape{count, data::kClasses}, std::span<const float>(shares));
  outputs.put("digits", Shape{count}, std::span<const std::int64_t>(digits));
}

}  // namespace scanflow::cnn
