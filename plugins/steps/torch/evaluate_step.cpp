#include "plugins/steps/torch/evaluate_step.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "plugins/common/byte_source.hpp"
#include "plugins/steps/torch/figures.hpp"
#include "plugins/steps/torch/training.hpp"

namespace scanflow::cnn {
namespace {

using data::DigitSet;
using nlohmann::json;

constexpr std::size_t kShownMistakes = 100;

/// The card must belong to the weights: what is recorded of one is then true of the other.
void check_card(const std::filesystem::path& path, const std::string& model) {
  std::ifstream in(path);
  const json card = json::parse(in, nullptr, false);
  if (!card.is_object() || !card.contains("architecture")) {
    throw Error(path.string() + ": is no model card (the artifact card of torch.train)");
  }
  const json name =
      card["architecture"].is_object() ? card["architecture"].value("name", json()) : json();
  if (name != model) {
    throw Error(
        fmt::format("{}: the card is of model {}, but the weights are of {}: give the card "
                    "and the weights of the same step",
                    path.string(), name.dump(), model));
  }
}

json classes_json(const Figures& figures) {
  json list = json::array();
  for (std::size_t digit = 0; digit < figures.classes.size(); ++digit) {
    const ClassFigures& c = figures.classes[digit];
    list.push_back({{"class", digit},
                    {"count", c.count},
                    {"precision", c.precision},
                    {"recall", c.recall},
                    {"f1", c.f1}});
  }
  return list;
}

/// The most confident mistakes: images and true labels as IDX, and what was predicted as JSON, in
/// the same order.
void write_mistakes(const std::filesystem::path& directory, const DigitSet& digits,
                    const Figures& figures) {
  const std::size_t count = std::min(kShownMistakes, figures.mistakes.size());
  DigitSet shown;
  json list = json::array();
  for (std::size_t i = 0; i < count; ++i) {
    const Mistake& mistake = figures.mistakes[i];
    shown.add(digits.image(mistake.position), mistake.label);
    list.push_back({{"index", mistake.position},
                    {"label", mistake.label},
                    {"prediction", mistake.predicted},
                    {"confidence", mistake.confidence},
                    {"label_confidence", mistake.label_confidence}});
  }
  data::write_dataset(directory, shown);
  const auto path = directory / "predictions.json";
  std::ofstream out(path);
  out << list.dump(1) << '\n';
  out.close();
  if (!out) throw Error(path.string() + ": cannot write (disk full?)");
}

json outputs_of(const Predictions& predictions, const Figures& figures) {
  const auto count = static_cast<std::uint64_t>(figures.count);
  return {{"accuracy", figures.accuracy},
          {"loss", predictions.loss},
          {"count", figures.count},
          {"misclassified", figures.mistakes.size()},
          {"model", predictions.model},
          {"confusion", figures.confusion},
          {"classes", classes_json(figures)},
          {"summary", fmt::format("{}: accuracy {:.3f}, {} of {} digits misread", predictions.model,
                                  figures.accuracy, data::group_digits(figures.mistakes.size()),
                                  data::group_digits(count))}};
}

}  // namespace

Description Evaluate::describe() {
  return {.id = "torch.evaluate",
          .version = "1.0.0",
          .summary = "Measures a trained network on digits it has not seen",
          .inputs = {{"model", "weights of torch.train, or a state dict of Python's torch.save"},
                     {"dataset", "dataset directory to measure on"},
                     {"card", "model card of these weights: checked against them", optional}},
          .outputs = {{"accuracy", "number", "share of digits read rightly"},
                      {"loss", "number", "mean cross entropy, in nats"},
                      {"count", "integer", "digits measured on"},
                      {"misclassified", "integer", "digits taken for another"},
                      {"model", "string", "the architecture, told by the weights"},
                      {"confusion", "array", "10 x 10 counts: row the label, column predicted"},
                      {"classes", "array", "each class: count, precision, recall, f1"}},
          .artifacts = {{"misclassified",
                         "up to 100 mistakes, the most confident first: images-idx3-ubyte, "
                         "labels-idx1-ubyte (true labels) and predictions.json"}}};
}

json Evaluate::run(Context& context) {
  const DigitSet digits = data::read_dataset(context.input("dataset"));
  if (digits.size() == 0) {
    throw Error(context.input("dataset").string() + ": the dataset is empty: nothing to measure");
  }
  const auto predictions = predict(context.input("model"), digits, config_.batch, context.threads(),
                                   [&context] { return context.cancelled(); });
  if (!predictions) throw Cancelled();
  if (context.has_input("card")) check_card(context.input("card"), predictions->model);
  const Figures figures = figures_of(predictions->probabilities, digits.labels);
  context.log_metric("accuracy", figures.accuracy, 0, {{"set", "test"}});
  write_mistakes(context.artifact_directory("misclassified"), digits, figures);
  return outputs_of(*predictions, figures);
}

}  // namespace scanflow::cnn
