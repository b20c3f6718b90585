// What agents remember in the store: the states of their rules, what they have decided, and the events that they wait
// for. Thread-safe; what writes blocks until it is committed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/control/memory.hpp"
#include "engine/store/store.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::control {

class Ledger final : public Memory {
 public:
  static constexpr std::int64_t kMostDecisions = 100'000;

  /// The store outlives it.
  explicit Ledger(store::Store& store) : store_(store) {}

  Result<std::map<std::string, RuleState>> rules(const std::string& agent) const override;
  Result<std::vector<Decision>> commit(const std::string& agent, const std::string& rule,
                                       const RuleState& state,
                                       const std::vector<Decision>& decisions) override;
  Result<void> keep(const std::string& agent,
                    const std::map<std::string, RuleState>& states) override;
  Result<void> keep_rules(const std::string& agent, const std::vector<std::string>& rules) override;
  /// Of a decision that waits: from now on it acts, or it is rejected. False: it did not wait.
  Result<bool> answer(const std::string& id, bool approve, const std::string& by,
                      std::int64_t now_us);
  /// Those of whom something is kept that forget() would end.
  Result<std::vector<std::string>> agents() const;
  Result<void> set_evidence(const std::string& id, const json& evidence) override;
  Result<void> update(const Decision& decision) override;
  Result<std::vector<Decision>> decisions(const DecisionFilter& filter) const override;
  Result<std::optional<Decision>> decision(const std::string& id) const override;
  /// Of an agent that is not there any more: the states of its rules go; decisions stay, and none of them is open.
  Result<void> forget(const std::string& agent, std::int64_t now_us);

  /// Gives its number.
  Result<std::int64_t> add(const Happening& happening);
  Result<std::vector<Happening>> happenings(std::int64_t after, std::size_t limit) const override;
  /// Since that time, oldest first.
  Result<std::vector<Happening>> happenings_since(std::int64_t time_us) const;
  Result<std::int64_t> newest() const override;

  /// Agents that are to do nothing, and who said so.
  Result<std::map<std::string, std::string>> paused() const;
  Result<void> pause(const std::string& agent, const std::string& by, std::int64_t now_us);
  Result<void> resume(const std::string& agent);

 private:
  store::Store& store_;
};

}  // namespace scanflow::control
