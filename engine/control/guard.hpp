// What holds a rule back: how often it may ask for something. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/pipeline/agent_spec.hpp"

namespace scanflow::control {

/// Of one rule: when it has asked for something. It survives restarts with the rule's state.
class GuardState {
 public:
  /// Why it may not ask for anything now; "": it may.
  std::string why_not(const pipeline::RuleGuard& guard, std::int64_t now_us) const;
  void note(std::int64_t now_us);

  nlohmann::json to_json() const { return asked_us_; }
  static GuardState from_json(const nlohmann::json& document);

 private:
  void forget(std::int64_t now_us);
  std::deque<std::int64_t> asked_us_;  // of the last hour, oldest first; and the last of all
};

}  // namespace scanflow::control
