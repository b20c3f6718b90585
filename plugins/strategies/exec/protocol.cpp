#include "plugins/strategies/exec/protocol.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace scanflow::strategies {
namespace {

using nlohmann::json;

constexpr std::size_t kLargest = 64 << 10;  // bytes of a state

/// Throws std::invalid_argument.
Action action_of(const json& document) {
  if (!document.is_object() || !document.value("primitive", json()).is_string())
    throw std::invalid_argument("an action has no \"primitive\", a text");
  Action action{document["primitive"], document.value("target", json::object()),
                document.value("args", json::object())};
  if (const auto reason = document.find("reason"); reason != document.end() && reason->is_string())
    action.reason = *reason;
  if (!action.target.is_object() || !action.args.is_object())
    throw std::invalid_argument(
        fmt::format("\"target\" and \"args\" of {} must be objects", document["primitive"].dump()));
  return action;
}

}  // namespace

std::string question_of(const Evidence& evidence) {
  json question = {{"now_us", evidence.now_us},
                   {"evidence", evidence.evidence},
                   {"state", std::string(evidence.state)}};
  json& shown = question["evidence"];
  if (shown.is_object() && shown.contains("see")) {
    question["see"] = shown["see"];
    shown.erase("see");
  }
  return question.dump() + "\n";
}

Decision decision_of(const std::string& text) {
  const json document = json::parse(text, nullptr, false);
  if (!document.is_object()) throw std::invalid_argument("it is no JSON object");
  Decision decision;
  const json actions = document.value("actions", json());
  if (!actions.is_array()) throw std::invalid_argument("it has no \"actions\", a list");
  for (const json& each : actions) decision.actions.push_back(action_of(each));
  const json state = document.value("state", json());
  if (state.is_null()) return decision;
  if (!state.is_string()) throw std::invalid_argument("its \"state\" is no text");
  decision.state = state.get<std::string>();
  if (decision.state->size() > kLargest)
    throw std::invalid_argument("its \"state\" is larger than 64 KiB");
  return decision;
}

}  // namespace scanflow::strategies
