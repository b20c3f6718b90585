#include "plugins/triggers/tracking/model_version.hpp"

#include "plugins/common/names.hpp"

namespace scanflow::triggers {

Description ModelVersionTrigger::describe() {
  return {.id = "model_version",
          .version = "1.0.0",
          .summary = "Fires when a model has a new version, or an alias of it moves"};
}

ModelVersionTrigger::ModelVersionTrigger(Config config) : config_(std::move(config)) {
  check_name_pattern("model", config_.model);
}

std::vector<nlohmann::json> ModelVersionTrigger::watches() const {
  return {
      {{"source", "events"}, {"type", config_.alias.empty() ? "model.version" : "model.alias"}}};
}

WakeResult ModelVersionTrigger::wake(const Wake& wake) {
  if (wake.reason != WakeReason::event) return {};
  const nlohmann::json payload = wake.event.value("payload", nlohmann::json::object());
  if (!is_named(config_.model, payload.value("name", ""))) return {};
  if (!config_.alias.empty() && payload.value("alias", "") != config_.alias) return {};
  nlohmann::json evidence = payload;
  evidence["time_us"] = wake.event.value("time_us", wake.now_us);
  return {.fires = {std::move(evidence)}};
}

}  // namespace scanflow::triggers
