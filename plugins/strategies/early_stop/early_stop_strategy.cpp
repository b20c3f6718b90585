#include "plugins/strategies/early_stop/early_stop_strategy.hpp"

#include <fmt/format.h>

#include <cmath>

#include "plugins/common/config_value.hpp"
#include "plugins/common/durations.hpp"

namespace scanflow::strategies {
namespace {

using nlohmann::json;

constexpr std::size_t kLongestName = 200;

struct Heard {
  std::string trial;                 // "RUN/STEP", or any name
  std::optional<std::int64_t> step;  // of the training
  double value = 0;
};

/// Nothing: it has no value now.
std::optional<Heard> heard_from(const json& said, const json& trial) {
  const json value = said.value("value", json()), step = said.value("step", json());
  if (value.is_null()) return std::nullopt;
  if (!trial.is_string() || !value.is_number() || !std::isfinite(value.get<double>()) ||
      !(step.is_null() || (step.is_number() && step.get<double>() >= 0)))
    throw Invalid(fmt::format(
        "no value of a trial: {:.200}; show it one in the rule: see: {{trial: RUN/STEP, step: "
        "NUMBER, value: NUMBER}}",
        said.dump()));
  Heard heard{trial, std::nullopt, value};
  if (heard.trial.empty() || heard.trial.size() > kLongestName)
    throw Invalid(fmt::format("a trial's name has 1 to {} bytes", kLongestName));
  if (!step.is_null()) heard.step = static_cast<std::int64_t>(step.get<double>());
  return heard;
}

/// What the rule sees; else an event's payload; else a sample, whose labels say the run and its step.
std::optional<Heard> heard_in(const json& evidence) {
  const auto part = [&](const char* name) {
    const auto found = evidence.find(name);
    return found != evidence.end() && found->is_object() ? *found : json::object();
  };
  for (const char* name : {"see", "payload"})
    if (const json said = part(name); said.contains("trial"))
      return heard_from(said, said["trial"]);
  const json labels = part("labels"), run = labels.value("run", json()),
             step = labels.value("step", json());
  if (!run.is_string() || !step.is_string()) return heard_from(part("see"), json());
  return heard_from(evidence, run.get<std::string>() + "/" + step.get<std::string>());
}

}  // namespace

Description EarlyStopStrategy::describe() {
  return {.id = "early_stop",
          .version = "1.0.0",
          .summary = "Ends trainings that lag behind the median of the others",
          .primitives = {"stop_early"}};
}

EarlyStopStrategy::EarlyStopStrategy(const Config& config) {
  rule_.grace = config.grace;
  rule_.min_trials = static_cast<std::size_t>(config.min_trials);
  rule_.forget_us = config_value("forget", [&] { return duration_us(config.forget); });
  sign_ = config.direction == "max" ? 1 : -1;
}

Decision EarlyStopStrategy::decide(const Evidence& evidence) {
  const auto heard = heard_in(evidence.evidence);
  Decision decision;
  if (!heard) return decision;
  Trials trials = Trials::read(evidence.state);
  const bool stop =
      trials.hear(rule_, evidence.now_us, heard->trial, heard->step, sign_ * heard->value);
  decision.state = trials.text();
  if (!stop) return decision;
  json target = json::object();  // the rule's
  const std::size_t slash = heard->trial.find('/');
  if (slash != std::string::npos)
    target = {{"run", heard->trial.substr(0, slash)}, {"step", heard->trial.substr(slash + 1)}};
  decision.actions.push_back({"stop_early", target, json::object()});
  return decision;
}

}  // namespace scanflow::strategies
