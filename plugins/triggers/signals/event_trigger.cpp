#include "plugins/triggers/signals/event_trigger.hpp"

#include "plugins/common/names.hpp"

namespace scanflow::triggers {

Description EventTrigger::describe() {
  return {.id = "event", .version = "1.0.0", .summary = "Fires when somebody emits an event"};
}

EventTrigger::EventTrigger(Config config) : config_(std::move(config)) {
  auto& types = config_.types;
  if (config_.type.empty() == types.empty())
    throw Invalid("type, types: write one of them: type: drift.*, or types: [drift.*, retrained]");
  if (types.empty()) types.push_back(config_.type);
  for (const auto& type : types)
    check_name_pattern(config_.type.empty() ? "types: " + type : "type", type);
  if (!config_.where.is_object()) throw Invalid("where: write a map: {severity: high}");
}

std::vector<nlohmann::json> EventTrigger::watches() const {
  std::vector<nlohmann::json> list;
  for (const auto& type : config_.types) list.push_back({{"source", "events"}, {"type", type}});
  return list;
}

WakeResult EventTrigger::wake(const Wake& wake) {
  if (wake.reason != WakeReason::event) return {};
  const auto& event = wake.event;
  const std::string type = event.value("type", "");
  if (!is_named(config_.types, type)) return {};
  if (!config_.source.empty() && event.value("source", "") != config_.source) return {};
  const auto payload = event.value("payload", nlohmann::json::object());
  for (const auto& [name, value] : config_.where.items())
    if (!payload.is_object() || payload.value(name, nlohmann::json()) != value) return {};
  return {.fires = {event}};
}

}  // namespace scanflow::triggers
