#include "engine/control/session_messages.hpp"

#include "engine/http/base64.hpp"

namespace scanflow::control {
namespace {

/// States of plugins are bytes.
std::string bytes_from(const json& text) {
  return http::base64_decoded(text.get<std::string>()).value_or("");
}

Decision decision_from_message(const json& document) {
  Decision decision;
  decision.id = document.at("id");
  decision.agent = document.at("agent");
  decision.rule = document.at("rule");
  decision.time_us = document.at("time_us");
  decision.mode = document.at("mode");
  decision.state = document.at("state");
  decision.reason = document.at("reason");
  decision.by = document.at("by");
  decision.ended_us = document.at("ended_us");
  decision.depth = document.at("depth");
  decision.submission = document.value("submission", decision.submission);
  decision.evidence = document.at("evidence");
  decision.actions = actions_from_json(document.at("actions"));
  return decision;
}

}  // namespace

json to_json(const RuleState& state) {
  return {{"trigger_digest", state.trigger_digest},
          {"trigger_state", http::base64(state.trigger_state)},
          {"strategy_digest", state.strategy_digest},
          {"strategy_state", http::base64(state.strategy_state)},
          {"seen", state.seen},
          {"guard", state.guard.to_json()}};
}

RuleState rule_state_from_json(const json& document) {
  RuleState state;
  state.trigger_digest = document.at("trigger_digest");
  state.trigger_state = bytes_from(document.at("trigger_state"));
  state.strategy_digest = document.at("strategy_digest");
  state.strategy_state = bytes_from(document.at("strategy_state"));
  state.seen = document.at("seen");
  state.guard = GuardState::from_json(document.at("guard"));
  return state;
}

json to_message(const Decision& decision) {
  json message = to_json(decision);
  message["depth"] = decision.depth;
  message["submission"] = decision.submission;
  return message;
}

json to_message(const std::vector<Decision>& decisions) {
  json list = json::array();
  for (const Decision& each : decisions) list.push_back(to_message(each));
  return list;
}

std::vector<Decision> decisions_from_message(const json& document) {
  std::vector<Decision> decisions;
  for (const json& each : document) decisions.push_back(decision_from_message(each));
  return decisions;
}

json to_message(const Happening& happening) {
  json message = to_json(happening);
  message["seq"] = happening.seq;
  message["depth"] = happening.depth;
  return message;
}

Happening happening_from_message(const json& document) {
  Happening happening;
  happening.seq = document.at("seq");
  happening.type = document.at("type");
  happening.source = document.at("source");
  happening.time_us = document.at("time_us");
  happening.depth = document.at("depth");
  happening.payload = document.at("payload");
  return happening;
}

json to_json(const DecisionFilter& filter) {
  return {{"rule", filter.rule},
          {"before", filter.before},
          {"open", filter.only_open},
          {"limit", filter.limit}};
}

DecisionFilter filter_from_json(const json& document) {
  DecisionFilter filter;
  filter.rule = document.value("rule", "");
  filter.before = document.value("before", "");
  filter.only_open = document.value("open", false);
  filter.limit = document.value("limit", filter.limit);
  return filter;
}

json to_json(const Outcome& outcome) {
  return {
      {"outcome", outcome.outcome}, {"message", outcome.message}, {"evidence", outcome.evidence}};
}

Outcome outcome_from_json(const json& document) {
  return {document.at("outcome"), document.at("message"), document.at("evidence")};
}

}  // namespace scanflow::control
