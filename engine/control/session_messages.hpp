// What an agent's process and its server say to each other, as JSON. Reading throws json::exception where a value is missing,
// or of another type.
#pragma once

#include "engine/control/actor.hpp"
#include "engine/control/memory.hpp"

namespace scanflow::control {

json to_json(const RuleState& state);
RuleState rule_state_from_json(const json& document);
/// With its depth and its submission.
json to_message(const Decision& decision);
json to_message(const std::vector<Decision>& decisions);
std::vector<Decision> decisions_from_message(const json& document);
/// With its number and its depth.
json to_message(const Happening& happening);
Happening happening_from_message(const json& document);
json to_json(const DecisionFilter& filter);
/// The agent is whoever asks.
DecisionFilter filter_from_json(const json& document);
json to_json(const Outcome& outcome);
Outcome outcome_from_json(const json& document);

}  // namespace scanflow::control
