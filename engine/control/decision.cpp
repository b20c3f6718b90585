#include "engine/control/decision.hpp"

#include <algorithm>
#include <array>

namespace scanflow::control {

bool is_of_engine(const std::string& type) {
  constexpr std::array kReserved = {"run.", "model.", "tracked_run.", "agents.", "webhook."};
  return type == "submit" || std::any_of(kReserved.begin(), kReserved.end(),
                                         [&](const char* each) { return type.starts_with(each); });
}

bool is_of_type(const std::string& pattern, const std::string& type) {
  if (!pattern.ends_with('*')) return type == pattern;
  return type.starts_with(pattern.substr(0, pattern.size() - 1));
}

json to_json(const Happening& happening) {
  return {{"type", happening.type},
          {"source", happening.source},
          {"time_us", happening.time_us},
          {"payload", happening.payload}};
}

json to_json(const std::vector<DecidedAction>& actions) {
  json list = json::array();
  for (const DecidedAction& each : actions) {
    list.push_back({{"primitive", each.primitive},
                    {"target", each.target},
                    {"args", each.args},
                    {"outcome", each.outcome.empty() ? json() : json(each.outcome)},
                    {"message", each.message},
                    {"evidence", each.evidence},
                    {"reason", each.reason}});
  }
  return list;
}

std::vector<DecidedAction> actions_from_json(const json& document) {
  std::vector<DecidedAction> actions;
  for (const json& each : document) {
    const json& outcome = each.at("outcome");
    actions.push_back({each.at("primitive"), each.at("target"), each.at("args"),
                       outcome.is_null() ? "" : outcome.get<std::string>(), each.at("message"),
                       each.at("evidence"), each.value("reason", "")});
  }
  return actions;
}

json to_json(const Decision& decision) {
  return {{"id", decision.id},
          {"agent", decision.agent},
          {"rule", decision.rule},
          {"time_us", decision.time_us},
          {"mode", decision.mode},
          {"state", decision.state},
          {"reason", decision.reason},
          {"by", decision.by},
          {"ended_us", decision.ended_us},
          {"evidence", decision.evidence},
          {"actions", to_json(decision.actions)}};
}

}  // namespace scanflow::control
