// What an agent at work remembers, and reads of what happens: its server's store, here or elsewhere.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/control/decision.hpp"
#include "engine/control/guard.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::control {

struct RuleState {
  std::string trigger_digest,
      trigger_state;  // a state is of the plugin and configuration of that digest
  std::string strategy_digest, strategy_state;
  std::int64_t seen = 0;  // Happening::seq
  GuardState guard;
};

struct DecisionFilter {
  std::string agent;  // NAMESPACE/NAME; empty: all
  std::string rule;
  std::string before;      // an id: older ones
  bool only_open = false;  // those that act, or wait
  std::size_t limit = 100;
};

/// Thread-safe; what writes blocks until it is committed.
class Memory {
 public:
  virtual ~Memory() = default;

  /// By rule.
  virtual Result<std::map<std::string, RuleState>> rules(const std::string& agent) const = 0;
  /// A rule's new state, and what it decided with it: all or nothing. Gives the decisions as they were kept: whoever keeps
  /// them may refuse them, or hold them back.
  virtual Result<std::vector<Decision>> commit(const std::string& agent, const std::string& rule,
                                               const RuleState& state,
                                               const std::vector<Decision>& decisions) = 0;
  /// States of rules that have decided nothing, all or none of them.
  virtual Result<void> keep(const std::string& agent,
                            const std::map<std::string, RuleState>& states) = 0;
  /// States of rules that an agent has no more go.
  virtual Result<void> keep_rules(const std::string& agent,
                                  const std::vector<std::string>& rules) = 0;
  /// What is known of a decision by now; what became of it meanwhile stays.
  virtual Result<void> set_evidence(const std::string& id, const json& evidence) = 0;
  /// What became of a decision.
  virtual Result<void> update(const Decision& decision) = 0;
  /// Newest first.
  virtual Result<std::vector<Decision>> decisions(const DecisionFilter& filter) const = 0;
  /// By its id, or the beginning of one; nothing: there is none, or there are several.
  virtual Result<std::optional<Decision>> decision(const std::string& id) const = 0;
  /// After that number, oldest first.
  virtual Result<std::vector<Happening>> happenings(std::int64_t after,
                                                    std::size_t limit) const = 0;
  /// The number of the newest; 0: there was none.
  virtual Result<std::int64_t> newest() const = 0;
};

}  // namespace scanflow::control
