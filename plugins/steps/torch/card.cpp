#include "plugins/steps/torch/card.hpp"

#include "plugins/steps/torch/architecture.hpp"

namespace scanflow::cnn {
namespace {

using nlohmann::json;

json architecture_of(const Architecture& model) {
  json tensors = json::object();
  for (const auto& [name, shape] : shapes_of(model)) tensors[name] = shape;
  return {{"name", std::string(model.name)},
          {"layers",
           {{{"type", "convolution"}, {"channels", model.channels1}, {"kernel", model.kernel1}},
            {{"type", "max_pool"}, {"kernel", 2}},
            {{"type", "relu"}},
            {{"type", "convolution"}, {"channels", model.channels2}, {"kernel", model.kernel2}},
            {{"type", "max_pool"}, {"kernel", 2}},
            {{"type", "relu"}},
            {{"type", "linear"}, {"outputs", model.hidden}},
            {{"type", "relu"}},
            {{"type", "linear"}, {"outputs", int{data::kClasses}}}}},
          {"tensors", tensors},
          {"parameters", model.parameters()},
          {"input",
           {{"shape", {1, data::kSide, data::kSide}},
            {"normalise", {{"divide", 255}, {"mean", kMean}, {"deviation", kDeviation}}}}},
          {"output", "scores of the digits 0 to 9, before softmax"}};
}

json history_of(const Trained& trained) {
  json history = json::array();
  for (const Epoch& epoch : trained.history) {
    json entry = {
        {"epoch", epoch.number}, {"loss", epoch.train.loss}, {"accuracy", epoch.train.accuracy}};
    if (epoch.validation) {
      entry["validation_loss"] = epoch.validation->loss;
      entry["validation_accuracy"] = epoch.validation->accuracy;
    }
    history.push_back(std::move(entry));
  }
  return history;
}

json record_of(const DataRecord& data) { return {{"sha256", data.sha256}, {"count", data.count}}; }

}  // namespace

json make_card(const Hyperparameters& h, const Trained& trained, const DataRecord& train,
               const std::optional<DataRecord>& validation,
               const std::optional<std::string>& init_from_sha256) {
  const json history = history_of(trained);
  json card = {{"format", "scanflow.model-card/1"},
               {"framework", "libtorch " + torch_version()},
               {"weights_format", "torch state dict: torch.load(file)"},
               {"architecture", architecture_of(architecture(h.model))},
               {"hyperparameters",
                {{"epochs", h.epochs},
                 {"batch", h.batch},
                 {"learning_rate", h.learning_rate},
                 {"optimizer", h.optimizer},
                 {"schedule", h.schedule}}},
               {"seed", h.seed},
               {"threads", h.threads},
               {"data", {{"train", record_of(train)}}},
               {"metrics", history.empty() ? json::object() : history.back()},
               {"history", history},
               {"seconds", trained.seconds}};
  if (h.optimizer == "sgd") card["hyperparameters"]["momentum"] = h.momentum;
  if (validation) card["data"]["validation"] = record_of(*validation);
  if (init_from_sha256) card["init_from"] = {{"sha256", *init_from_sha256}};
  return card;
}

}  // namespace scanflow::cnn
