// What an agent's process remembers at its server, and asks it to do.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "engine/api/agent_link.hpp"
#include "engine/control/actor.hpp"
#include "engine/control/memory.hpp"

namespace scanflow::api {

/// Its agent is the session's. The link outlives it.
class RemoteMemory final : public control::Memory {
 public:
  explicit RemoteMemory(AgentLink& link) : link_(link) {}

  Result<std::map<std::string, control::RuleState>> rules(const std::string& agent) const override;
  Result<std::vector<control::Decision>> commit(
      const std::string& agent, const std::string& rule, const control::RuleState& state,
      const std::vector<control::Decision>& decisions) override;
  Result<void> keep(const std::string& agent,
                    const std::map<std::string, control::RuleState>& states) override;
  Result<void> keep_rules(const std::string& agent, const std::vector<std::string>& rules) override;
  Result<void> set_evidence(const std::string& id, const json& evidence) override;
  /// The server does that, with each action that ends.
  Result<void> update(const control::Decision&) override { return {}; }
  Result<std::vector<control::Decision>> decisions(
      const control::DecisionFilter& filter) const override;
  Result<std::optional<control::Decision>> decision(const std::string& id) const override;
  Result<std::vector<control::Happening>> happenings(std::int64_t after,
                                                     std::size_t limit) const override;
  Result<std::int64_t> newest() const override;

 private:
  /// What `read` makes of an answer.
  template <class Read>
  auto asked(const json& body, Read read) const -> Result<decltype(read(body))> {
    const auto answer = link_.ask(body);
    if (!answer) return tl::unexpected(answer.error());
    try {
      return read(*answer);
    } catch (const json::exception& error) {
      return fail(std::string("the server's answer cannot be read: ") + error.what());
    }
  }

  AgentLink& link_;
  std::atomic<std::uint64_t> commits_ = 0;  // a commit that is asked again has its number
  std::mutex mutex_;
  /// Rules of which nobody knows what the server has: a commit had no answer, and the session has come to its end. Of
  /// these nothing is kept; the next session reads them.
  std::set<std::string> unclear_;
};

/// The link outlives it.
class RemoteActor final : public control::Actor {
 public:
  explicit RemoteActor(AgentLink& link) : link_(link) {}
  void act(const control::Order& order, std::function<void(control::Outcome)> then) override;
  /// What the server says has become of one.
  void ended(const std::string& order, const control::Outcome& outcome);

 private:
  AgentLink& link_;
  std::mutex mutex_;
  std::map<std::string, std::function<void(control::Outcome)>> waiting_;  // by Order::id
};

}  // namespace scanflow::api
