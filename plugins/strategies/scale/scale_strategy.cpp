#include "plugins/strategies/scale/scale_strategy.hpp"

#include <fmt/format.h>

#include "plugins/common/config_value.hpp"
#include "plugins/common/durations.hpp"
#include "plugins/common/evidence.hpp"

namespace scanflow::strategies {

Description ScaleStrategy::describe() {
  return {.id = "scale",
          .version = "1.0.0",
          .summary = "As many replicas as a demand asks for, with a forecast",
          .primitives = {"scale"}};
}

ScaleStrategy::ScaleStrategy(const Config& config) : on_(config.on) {
  if (config.max < config.min)
    throw Invalid(fmt::format("max: {} is below 'min', {}", config.max, config.min));
  if (!(config.target > 0)) throw Invalid("target: write a demand above 0");
  law_.min = config.min;
  law_.max = config.max;
  law_.target = config.target;
  law_.tolerance = config.tolerance;
  law_.stabilization_us =
      config_value("stabilization", [&] { return duration_us(config.stabilization); });
  law_.ahead_us = config_value("ahead", [&] { return duration_us(config.ahead); });
  law_.smoothing_us = config_value("smoothing", [&] { return duration_us(config.smoothing); });
  if (law_.smoothing_us <= 0) throw Invalid("smoothing: write a time above 0, like 15s");
}

Decision ScaleStrategy::decide(const Evidence& evidence) {
  const double demand = seen_number(evidence, "demand");
  const auto replicas = static_cast<std::int64_t>(seen_number(evidence, "replicas"));
  ScaleState state = ScaleState::read(evidence.state);
  const std::int64_t wanted = state.decide(law_, evidence.now_us, demand, replicas);
  Decision decision;
  decision.state = state.text();
  if (wanted == replicas) return decision;
  decision.actions.push_back(
      {"scale",
       on_,
       {{"replicas", wanted}},
       fmt::format("{:.1f} demanded, {:g} each", state.forecast(), law_.target)});
  return decision;
}

}  // namespace scanflow::strategies
