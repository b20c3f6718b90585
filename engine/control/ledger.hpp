// What agents remember in the store: the states of their rules, what they have decided, and the events that they wait
// for. Thread-safe; what writes blocks until it is committed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/control/decision.hpp"
#include "engine/control/guard.hpp"
#include "engine/store/store.hpp"
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

class Ledger {
 public:
  static constexpr std::int64_t kMostDecisions = 100'000;

  /// The store outlives it.
  explicit Ledger(store::Store& store) : store_(store) {}

  /// By rule.
  Result<std::map<std::string, RuleState>> rules(const std::string& agent) const;
  /// A rule's new state, and what it decided with it: all or nothing.
  Result<void> commit(const std::string& agent, const std::string& rule, const RuleState& state,
                      const std::vector<Decision>& decisions);
  /// States of rules that an agent has no more go.
  Result<void> keep_rules(const std::string& agent, const std::vector<std::string>& rules);
  /// Of a decision that waits: from now on it acts, or it is rejected. False: it did not wait.
  Result<bool> answer(const std::string& id, bool approve, const std::string& by,
                      std::int64_t now_us);
  /// Those of whom something is kept that forget() would end.
  Result<std::vector<std::string>> agents() const;
  /// What is known of a decision by now; what became of it meanwhile stays.
  Result<void> set_evidence(const std::string& id, const json& evidence);
  /// What became of a decision.
  Result<void> update(const Decision& decision);
  /// Newest first.
  Result<std::vector<Decision>> decisions(const DecisionFilter& filter) const;
  /// By its id, or the beginning of one; nothing: there is none, or there are several.
  Result<std::optional<Decision>> decision(const std::string& id) const;
  /// Of an agent that is not there any more: the states of its rules go; decisions stay, and none of them is open.
  Result<void> forget(const std::string& agent, std::int64_t now_us);

  /// Gives its number.
  Result<std::int64_t> add(const Happening& happening);
  /// After that number, oldest first.
  Result<std::vector<Happening>> happenings(std::int64_t after, std::size_t limit) const;
  /// Since that time, oldest first.
  Result<std::vector<Happening>> happenings_since(std::int64_t time_us) const;
  /// The number of the newest; 0: there was none.
  Result<std::int64_t> newest() const;

  /// Agents that are to do nothing, and who said so.
  Result<std::map<std::string, std::string>> paused() const;
  Result<void> pause(const std::string& agent, const std::string& by, std::int64_t now_us);
  Result<void> resume(const std::string& agent);

 private:
  store::Store& store_;
};

}  // namespace scanflow::control
