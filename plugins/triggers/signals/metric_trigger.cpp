#include "plugins/triggers/signals/metric_trigger.hpp"

#include <stdexcept>

#include "plugins/common/config_value.hpp"
#include "plugins/common/durations.hpp"
#include "plugins/common/samples.hpp"

namespace scanflow::triggers {
namespace {

Function function_of(const std::string& name) {
  return name == "avg"    ? Function::avg
         : name == "min"  ? Function::min
         : name == "max"  ? Function::max
         : name == "rate" ? Function::rate
         : name == "last" ? Function::last
                          : Function::increase;
}

}  // namespace

Description MetricTrigger::describe() {
  return {.id = "metric", .version = "1.0.0", .summary = "Fires when a metric crosses a limit"};
}

MetricTrigger::MetricTrigger(Config config) : config_(std::move(config)) {
  try {
    limit_ = limit_of(config_.above, config_.below, config_.clear);
  } catch (const std::invalid_argument& error) {
    throw Invalid(error.what());
  }
  limit_.function = function_of(config_.function);
  limit_.window_us = config_value("window", [&] { return duration_us(config_.window); });
  limit_.for_us = config_value("for", [&] { return duration_us(config_.hold); });
  if (limit_.window_us <= 0) throw Invalid("window: write a time above 0, like 1m");
  check_labels(config_.labels);
}

/// One that is no number (JSON has no NaN: it is null) says nothing.
bool MetricTrigger::is_mine(const nlohmann::json& sample) const {
  return is_sample_of(sample, config_.name, config_.labels) &&
         sample.value("value", nlohmann::json()).is_number();
}

std::vector<nlohmann::json> MetricTrigger::watches() const {
  return {{{"source", "samples"}, {"name", config_.name}, {"labels", config_.labels}}};
}

WakeResult MetricTrigger::wake(const Wake& wake) {
  const bool has_sample = wake.reason == WakeReason::sample && is_mine(wake.event);
  if (wake.reason == WakeReason::sample && !has_sample) return {};
  Level level = Level::read(wake.state);
  if (has_sample) {
    level.take(limit_, {wake.event.at("time_us"), wake.event.at("value"),
                        wake.event.value("labels", nlohmann::json::object()).dump()});
  }
  WakeResult result;
  if (auto evidence = level.fire(limit_, wake.now_us)) {
    evidence->update({{"metric", config_.name}, {"function", config_.function}});
    result.fires.push_back(std::move(*evidence));
  }
  result.state = level.text();
  result.next_wake_us = level.next_us(limit_);
  return result;
}

}  // namespace scanflow::triggers
