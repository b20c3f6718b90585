#include "plugins/triggers/signals/event_trigger.hpp"

namespace scanflow::triggers {
namespace {

/// `pattern` may end in '*'.
bool matches(const std::string& pattern, const std::string& text) {
  if (!pattern.ends_with('*')) return text == pattern;
  return text.starts_with(pattern.substr(0, pattern.size() - 1));
}

}  // namespace

Description EventTrigger::describe() {
  return {.id = "event", .version = "1.0.0", .summary = "Fires when somebody emits an event"};
}

EventTrigger::EventTrigger(Config config) : config_(std::move(config)) {
  if (config_.type.find('*') < config_.type.size() - 1)
    throw Invalid("type: '*' may be its last letter alone");
  if (!config_.where.is_object()) throw Invalid("where: write a map: {severity: high}");
}

std::vector<nlohmann::json> EventTrigger::watches() const {
  return {{{"source", "events"}, {"type", config_.type}}};
}

WakeResult EventTrigger::wake(const Wake& wake) {
  if (wake.reason != WakeReason::event) return {};
  const auto& event = wake.event;
  if (!matches(config_.type, event.value("type", ""))) return {};
  if (!config_.source.empty() && event.value("source", "") != config_.source) return {};
  const auto payload = event.value("payload", nlohmann::json::object());
  for (const auto& [name, value] : config_.where.items())
    if (!payload.is_object() || payload.value(name, nlohmann::json()) != value) return {};
  return {.fires = {event}};
}

}  // namespace scanflow::triggers
