#include "plugins/strategies/retrain/retrain_strategy.hpp"

#include <fmt/format.h>

#include <cmath>

#include "plugins/common/config_value.hpp"
#include "plugins/common/durations.hpp"
#include "plugins/common/evidence.hpp"
#include "plugins/common/names.hpp"

namespace scanflow::strategies {
namespace {

using nlohmann::json;

constexpr std::size_t kLongestVersion = 200;

/// "accuracy", or "gate.accuracy" of an object; null: there is none.
json output_of(const json& outputs, const std::string& path) {
  if (!outputs.is_object()) return nullptr;
  if (const auto found = outputs.find(path); found != outputs.end()) return *found;
  const std::size_t dot = path.find('.');
  const auto inner = outputs.find(path.substr(0, dot));
  if (dot == std::string::npos || inner == outputs.end()) return nullptr;
  return output_of(*inner, path.substr(dot + 1));
}

std::optional<double> number_in(const json& value) {
  if (!value.is_number() || !std::isfinite(value.get<double>())) return std::nullopt;
  return value.get<double>();
}

std::string version_in(const json& value) {
  const std::string text = value.is_string()           ? value.get<std::string>()
                           : value.is_number_integer() ? value.dump()
                                                       : "";
  return text.size() > kLongestVersion ? "" : text;
}

json number_or_null(std::optional<double> value) { return value ? json(*value) : json(); }

std::string text_at(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

Description RetrainStrategy::describe() {
  return {.id = "retrain",
          .version = "1.0.0",
          .summary = "Retrains, promotes what is surely better, and rolls back what proves worse",
          .primitives = {"run_pipeline", "promote_model", "emit"}};
}

RetrainStrategy::RetrainStrategy(Config config) : config_(std::move(config)) {
  const auto time = [](const char* field, const std::string& text) {
    return config_value(field, [&] { return duration_us(text); });
  };
  law_.gate = {config_.margin, config_.sure, config_.lowest, config_.min_samples};
  law_.tolerance = config_.tolerance;
  law_.sure_worse = config_.sure_worse;
  law_.min_looks = config_.min_looks;
  law_.watch_us = time("watch", config_.watch);
  law_.within_us = time("within", config_.within);
  law_.rest_us = time("rest", config_.rest);
  if (law_.within_us <= 0) throw Invalid("within: write how long a run may take, like 6h");
  if (!config_.params.is_object()) throw Invalid("params: write a map: {epochs: 2}");
  if (config_.start_on.empty() || config_.start_on.find('*') < config_.start_on.size() - 1)
    throw Invalid("start_on: write a type of events; '*' may be its last letter alone");
  name_ = config_.pipeline.substr(0, config_.pipeline.find('@'));
  if (const std::size_t slash = name_.find('/'); slash != std::string::npos) {
    name_space_ = name_.substr(0, slash);
    name_ = name_.substr(slash + 1);
  }
}

std::optional<RunEnd> RetrainStrategy::own_end(const json& event) const {
  const auto payload = event.find("payload");
  if (text_at(event, "type") != "run.ended" || payload == event.end() || !payload->is_object())
    return std::nullopt;
  const std::string agent = text_at(*payload, "agent");  // of a run that a rule has asked for
  const bool own = config_.agent.empty() ? !agent.empty() : agent == config_.agent;
  if (!own || text_at(*payload, "name") != name_ ||
      (!name_space_.empty() && text_at(*payload, "namespace") != name_space_))
    return std::nullopt;
  const json outputs = payload->value("outputs", json::object());
  const auto number = [&](const std::string& path) { return number_in(output_of(outputs, path)); };
  return RunEnd{text_at(*payload, "run"),
                text_at(*payload, "status"),
                event.value("time_us", std::int64_t{0}),
                number(config_.candidate),
                number(config_.baseline),
                number(config_.samples),
                version_in(output_of(outputs, config_.version)),
                version_in(output_of(outputs, config_.serving))};
}

void RetrainStrategy::ask(const RetrainStep& step, std::vector<Action>& actions) const {
  const json nobody = json::object();
  const auto promote = [&] {
    actions.push_back(
        {"promote_model",
         nobody,
         {{"name", config_.model}, {"version", step.version}, {"alias", config_.alias}}});
  };
  const auto emit = [&](const char* type, json payload) {
    payload["model"] = config_.model;
    actions.push_back({"emit", nobody, {{"type", type}, {"payload", std::move(payload)}}});
  };
  switch (step.kind) {
    case RetrainStep::Kind::run:
      actions.push_back(
          {"run_pipeline", nobody, {{"pipeline", config_.pipeline}, {"params", config_.params}}});
      break;
    case RetrainStep::Kind::promote:
      promote();
      break;
    case RetrainStep::Kind::refuse:
      emit("retraining.refused", {{"why", step.why},
                                  {"candidate", number_or_null(step.end.candidate)},
                                  {"baseline", number_or_null(step.end.baseline)},
                                  {"version", step.end.version},
                                  {"run", step.end.run}});
      break;
    case RetrainStep::Kind::fail:
      emit("retraining.failed",
           {{"why", step.why}, {"status", step.end.status}, {"run", step.end.run}});
      break;
    case RetrainStep::Kind::roll_back:
      promote();
      emit("model.rolled_back", {{"from", step.other},
                                 {"to", step.version},
                                 {"before", step.before.mean},
                                 {"after", step.after.mean},
                                 {"looks", step.after.count}});
      break;
  }
}

Decision RetrainStrategy::decide(const Evidence& evidence) {
  Happened happened;
  if (evidence.evidence.is_object()) {
    happened.begins = is_named(config_.start_on, text_at(evidence.evidence, "type"));
    happened.ended = own_end(evidence.evidence);
  }
  happened.quality = seen_number_if(evidence, "quality");
  Retraining state = Retraining::read(evidence.state);
  const std::vector<RetrainStep> steps = state.decide(law_, evidence.now_us, happened);
  Decision decision;
  for (const RetrainStep& step : steps) ask(step, decision.actions);
  decision.state = state.text();
  return decision;
}

}  // namespace scanflow::strategies
