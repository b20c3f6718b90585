#include "engine/api/remote_memory.hpp"

#include <charconv>

#include "engine/control/session_messages.hpp"

namespace scanflow::api {

using namespace control;

Result<std::map<std::string, RuleState>> RemoteMemory::rules(const std::string&) const {
  return asked({{"op", "rules"}}, [](const json& answer) {
    std::map<std::string, RuleState> states;
    for (const auto& [name, state] : answer.at("rules").items())
      states[name] = rule_state_from_json(state);
    return states;
  });
}

Result<std::vector<Decision>> RemoteMemory::commit(const std::string&, const std::string& rule,
                                                   const RuleState& state,
                                                   const std::vector<Decision>& decisions) {
  auto kept =
      asked({{"op", "commit"},
             {"number", ++commits_},
             {"rule", rule},
             {"state", control::to_json(state)},
             {"decisions", to_message(decisions)}},
            [](const json& answer) { return decisions_from_message(answer.at("decisions")); });
  if (!kept && link_.is_silent()) {
    const std::lock_guard lock(mutex_);
    unclear_.insert(rule);
  }
  return kept;
}

Result<void> RemoteMemory::keep(const std::string&,
                                const std::map<std::string, RuleState>& states) {
  json all = json::object();
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [rule, state] : states)
      if (!unclear_.contains(rule)) all[rule] = control::to_json(state);
  }
  const auto kept = link_.ask({{"op", "keep"}, {"states", std::move(all)}});
  if (!kept) return tl::unexpected(kept.error());
  return {};
}

Result<void> RemoteMemory::keep_rules(const std::string&, const std::vector<std::string>& rules) {
  const auto kept = link_.ask({{"op", "keep_rules"}, {"rules", rules}});
  if (!kept) return tl::unexpected(kept.error());
  return {};
}

Result<void> RemoteMemory::set_evidence(const std::string& id, const json& evidence) {
  const auto kept = link_.ask(
      {{"op", "set_evidence"}, {"decision", id}, {"goal", evidence.value("goal", json())}});
  if (!kept) return tl::unexpected(kept.error());
  return {};
}

Result<std::vector<Decision>> RemoteMemory::decisions(const DecisionFilter& filter) const {
  json body = control::to_json(filter);
  body["op"] = "decisions";
  return asked(body,
               [](const json& answer) { return decisions_from_message(answer.at("decisions")); });
}

Result<std::optional<Decision>> RemoteMemory::decision(const std::string& id) const {
  return asked({{"op", "decision"}, {"decision", id}},
               [](const json& answer) -> std::optional<Decision> {
                 auto found = decisions_from_message(answer.at("decisions"));
                 if (found.empty()) return std::nullopt;
                 return std::move(found.front());
               });
}

Result<std::vector<Happening>> RemoteMemory::happenings(std::int64_t after,
                                                        std::size_t limit) const {
  return asked({{"op", "happenings"}, {"after", after}, {"limit", limit}}, [](const json& answer) {
    std::vector<Happening> all;
    for (const json& each : answer.at("happenings")) all.push_back(happening_from_message(each));
    return all;
  });
}

Result<std::int64_t> RemoteMemory::newest() const {
  return asked({{"op", "newest"}},
               [](const json& answer) { return answer.at("newest").get<std::int64_t>(); });
}

void RemoteActor::act(const Order& order, std::function<void(Outcome)> then) {
  std::size_t action = 0;
  const std::string index = order.id.substr(order.decision.size() + 1);
  std::from_chars(index.data(), index.data() + index.size(), action);
  {
    const std::lock_guard lock(mutex_);
    waiting_[order.id] = std::move(then);
  }
  const auto begun = link_.ask({{"op", "act"}, {"decision", order.decision}, {"action", action}});
  // Where nobody answers, it is asked again by whoever goes on with the decision.
  if (!begun && !link_.is_silent())
    ended(order.id, {"REFUSED", begun.error().message, json::object()});
}

void RemoteActor::ended(const std::string& order, const Outcome& outcome) {
  std::function<void(Outcome)> then;
  {
    const std::lock_guard lock(mutex_);
    if (auto found = waiting_.extract(order); !found.empty()) then = std::move(found.mapped());
  }
  if (then) then(outcome);
}

}  // namespace scanflow::api
