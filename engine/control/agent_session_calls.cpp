// What a process may ask within its session. Each call comes under the working mutex; what its arguments lack throws.
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "engine/control/agent_sessions.hpp"
#include "engine/control/permission.hpp"
#include "engine/control/session_messages.hpp"

namespace scanflow::control {
namespace {

constexpr std::size_t kMostRead = 10'000;  // decisions, or happenings
constexpr std::size_t kIdSize = 36;        // of a UUID
constexpr std::int64_t kHappenedLately = 1000;

tl::unexpected<Refusal> wrong(std::string why) {
  return tl::unexpected(Refusal{Refusal::Why::wrong, std::move(why)});
}

/// Whatever its texts hold.
std::string said(const json& document) {
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

tl::unexpected<Refusal> broken(const Error& error) {
  return tl::unexpected(Refusal{Refusal::Why::broken, error.message});
}

}  // namespace

const std::map<std::string, AgentSessions::Call>& AgentSessions::calls() {
  static const std::map<std::string, Call> all{
      {"begin", &AgentSessions::begin},
      {"rules", &AgentSessions::rule_states},
      {"newest", &AgentSessions::newest},
      {"happenings", &AgentSessions::happenings},
      {"decisions", &AgentSessions::decisions},
      {"decision", &AgentSessions::decision},
      {"evaluate", &AgentSessions::evaluate},
      {"watch", &AgentSessions::watch},
      {"commit", &AgentSessions::commit},
      {"keep", &AgentSessions::keep},
      {"keep_rules", &AgentSessions::keep_rules},
      {"set_evidence", &AgentSessions::set_evidence},
      {"act", &AgentSessions::act},
      {"admitted", &AgentSessions::admitted},
  };
  return all;
}

std::shared_ptr<const pipeline::AgentSpec> AgentSessions::spec() const {
  const std::lock_guard lock(mutex_);
  return options_.agent.spec;
}

const pipeline::AgentRule* AgentSessions::rule_of(const pipeline::AgentSpec& spec,
                                                  const std::string& name) const {
  const auto found = std::find_if(spec.rules.begin(), spec.rules.end(),
                                  [&](const auto& rule) { return rule.name == name; });
  return found == spec.rules.end() ? nullptr : &*found;
}

// --- what is read

/// {} -> {"rules": {NAME: state}}.
Allowed<json> AgentSessions::rule_states(const json&) {
  const auto states = ledger_.rules(name_);
  if (!states) return broken(states.error());
  json rules = json::object();
  for (const auto& [name, state] : *states) rules[name] = to_json(state);
  return json{{"rules", std::move(rules)}};
}

/// {} -> {"newest"}.
Allowed<json> AgentSessions::newest(const json&) {
  const auto number = ledger_.newest();
  if (!number) return broken(number.error());
  return json{{"newest", *number}};
}

/// {"after", "limit"} -> {"happenings"}.
Allowed<json> AgentSessions::happenings(const json& asked) {
  const auto all = ledger_.happenings(asked.at("after"),
                                      std::min(asked.at("limit").get<std::size_t>(), kMostRead));
  if (!all) return broken(all.error());
  json list = json::array();
  for (const Happening& each : *all) list.push_back(to_message(each));
  return json{{"happenings", std::move(list)}};
}

/// {"rule", "before", "open", "limit"} -> {"decisions"}: its own.
Allowed<json> AgentSessions::decisions(const json& asked) {
  DecisionFilter filter = filter_from_json(asked);
  filter.agent = name_;
  filter.limit = std::min(filter.limit, kMostRead);
  const auto all = ledger_.decisions(filter);
  if (!all) return broken(all.error());
  return json{{"decisions", to_message(*all)}};
}

Allowed<Decision> AgentSessions::own_decision(const std::string& id) const {
  auto found = ledger_.decision(id);
  if (!found) return broken(found.error());
  if (!*found || (*found)->id != id || (*found)->agent != name_)
    return wrong(fmt::format("agent {} has no decision '{}'", name_, id.substr(0, kIdSize)));
  return std::move(**found);
}

/// {"decision"} -> {"decisions"}: it, or none.
Allowed<json> AgentSessions::decision(const json& asked) {
  const auto found = own_decision(asked.at("decision"));
  if (!found && found.error().why == Refusal::Why::broken) return tl::unexpected(found.error());
  return json{{"decisions", found ? to_message(std::vector{*found}) : json::array()}};
}

/// {"expression", "event"} -> {"value"}, or {"problem"}: of its document alone.
Allowed<json> AgentSessions::evaluate(const json& asked) {
  const std::string expression = asked.at("expression");
  const auto own = spec();
  const bool is_own = std::any_of(own->rules.begin(), own->rules.end(), [&](const auto& rule) {
    const bool seen = std::any_of(rule.see.begin(), rule.see.end(),
                                  [&](const auto& each) { return each.second == expression; });
    return seen || (rule.goal && rule.goal->value == expression);
  });
  if (!is_own) return wrong("the expression stands in no rule's 'see' or 'goal'");
  pipeline::Scope scope;
  scope.event = asked.at("event");
  {
    const std::lock_guard lock(mutex_);
    scope.metrics = options_.agent.metrics;
    scope.running = options_.agent.running;
  }
  auto value = pipeline::evaluate(json(expression), scope);
  if (!value) return json{{"problem", value.error().message}};
  return json{{"value", std::move(*value)}};
}

/// {"version"} -> {}: from now on it runs that one; what the one before has watched ends.
Allowed<json> AgentSessions::begin(const json& asked) {
  const std::uint32_t version = asked.at("version");
  std::function<void()> unwatch;
  {
    const std::lock_guard lock(mutex_);
    if (session_->version == version) return json::object();  // its answer was lost
    if (version != options_.version)
      return wrong(fmt::format("version {} of agent {} is the newest, not {}", options_.version,
                               name_, version));
    session_->version = version;
    session_->spec = options_.agent.spec;
    session_->watches = options_.watches;
    session_->watched.clear();
    unwatch = options_.unwatch;
  }
  unwatch();
  return json::object();
}

/// What a trigger of the version that it runs waits for, in that trigger's words. The error: none does.
Result<json> AgentSessions::watch_of(const json& what) const {
  const auto [spec, watches] = [this] {
    const std::lock_guard lock(mutex_);
    return std::pair(session_->spec, session_->watches);
  }();
  std::string why;
  for (const pipeline::AgentRule& rule : spec->rules) {
    const auto all = watches(rule);
    if (!all) {
      why =
          fmt::format("; of rule {} the server cannot ask it: {}", rule.name, all.error().message);
      continue;
    }
    if (const auto found = std::find(all->begin(), all->end(), what); found != all->end())
      return *found;
  }
  return fail(
      fmt::format("no trigger of agent {}, as the server has its document and plugins, "
                  "watches {:.200}{}",
                  name_, said(what), why));
}

/// {"watch": N, "what"} -> {}: samples, and what becomes of objects, come as news, with that number.
Allowed<json> AgentSessions::watch(const json& asked) {
  const std::uint64_t number = asked.at("watch");
  AgentRunner::Watching watching;
  std::string session;
  {
    const std::lock_guard lock(mutex_);
    if (session_->watched.contains(number)) return json::object();  // its answer was lost
    if (session_->watched.size() == kMostWatches)
      return wrong(fmt::format("a session watches {} things at most", kMostWatches));
    watching = options_.agent.watching;
    session = session_->id;
  }
  const auto what = watch_of(asked.at("what"));
  if (!what) return wrong(what.error().message);
  {
    const std::lock_guard lock(mutex_);
    session_->watched.insert(number);
  }
  watching(*what, [self = weak_from_this(), number, session](json sample) {
    const auto there = self.lock();
    if (!there) return;
    {
      const std::lock_guard lock(there->mutex_);
      if (!there->session_ || there->session_->id != session || there->paused_) return;
    }
    there->push({{"type", "sample"}, {"watch", number}, {"sample", std::move(sample)}});
  });
  return json::object();
}

// --- what is kept

/// {"number", "rule", "state", "decisions"} -> {"decisions"}: as they were kept, which is as they may be.
Allowed<json> AgentSessions::commit(const json& asked) {
  const std::uint64_t number = asked.at("number");
  {
    const std::lock_guard lock(mutex_);
    if (session_->committed == number) return session_->answer;
  }
  const std::string name = asked.at("rule");
  RuleState state = rule_state_from_json(asked.at("state"));
  std::vector<Decision> decisions = decisions_from_message(asked.at("decisions"));
  for (Decision& each : decisions) {
    const auto there = ledger_.decision(each.id);
    if (!there) return broken(there.error());
    if (each.id.size() != kIdSize || *there)
      return wrong(fmt::format("'{}' is no id of a new decision", each.id.substr(0, kIdSize)));
    each.agent = name_;
    each.rule = name;
  }
  const auto own = spec();
  const pipeline::AgentRule* const rule = rule_of(*own, name);
  const auto kept = ledger_.rules(name_);
  if (!kept) return broken(kept.error());
  const auto found = kept->find(name);
  const RuleState before = found == kept->end() ? RuleState() : found->second;
  state.guard = before.guard;
  if (rule != nullptr) {
    const auto depth = least_depth(*rule, before.seen, state.seen);
    if (!depth) return tl::unexpected(depth.error());
    for (Decision& each : decisions) each.depth = std::max(each.depth, *depth);
  }
  state.seen = std::max(state.seen, before.seen);
  judge_all(rule, state.guard, decisions);
  if (rule != nullptr) {
    if (const auto done = ledger_.commit(name_, name, state, decisions); !done)
      return broken(done.error());
    note_admission(*rule, decisions);
  } else {
    for (const Decision& each : decisions)
      if (const auto done = ledger_.update(each); !done) return broken(done.error());
  }
  json answer = {{"decisions", to_message(decisions)}};
  {
    const std::lock_guard lock(mutex_);
    session_->committed = number;
    session_->answer = answer;
  }
  for (const Decision& each : decisions)  // what the process asks for next, anyway
    if (each.state == "acting" && !each.actions.empty()) begin_action(each, 0);
  return answer;
}

/// Of what it decides while it moves its rule from the event `seen_before` on to `seen`: as many rules have led to it, or more.
Allowed<int> AgentSessions::least_depth(const pipeline::AgentRule& rule, std::int64_t seen_before,
                                        std::int64_t seen) const {
  if (rule.on.uses == "submit") return 1;
  const auto watches = [this] {
    const std::lock_guard lock(mutex_);
    return options_.watches;
  }()(rule);
  const auto waits_for = [&](const Happening& happening) {
    if (!watches) return true;  // nobody knows: it may
    return std::any_of(watches->begin(), watches->end(), [&](const json& each) {
      return each.at("source") == "events" && is_of_type(each.at("type"), happening.type);
    });
  };
  if (seen > seen_before) {
    const auto moved_to = ledger_.happenings(seen - 1, 1);
    if (!moved_to) return broken(moved_to.error());
    if (!moved_to->empty() && moved_to->front().seq == seen && waits_for(moved_to->front()))
      return moved_to->front().depth + 1;
  }
  const auto newest = ledger_.newest();
  if (!newest) return broken(newest.error());
  const auto lately = ledger_.happenings(*newest - kHappenedLately, kHappenedLately);
  if (!lately) return broken(lately.error());
  int depth = 0;
  for (const Happening& each : *lately)
    if (waits_for(each)) depth = std::max(depth, each.depth);
  return depth + 1;
}

void AgentSessions::judge_all(const pipeline::AgentRule* rule, GuardState& guard,
                              std::vector<Decision>& decisions) {
  AgentRunner::Options by;
  {
    const std::lock_guard lock(mutex_);
    by.clock = options_.agent.clock;
    by.others = options_.agent.others;
    by.log = options_.agent.log;
  }
  for (Decision& each : decisions) {
    if (rule == nullptr) {
      refuse(each, fmt::format("the agent has no rule '{}'", each.rule), by.clock());
    } else {
      judge(*rule, guard, each, by.clock(), [&]() -> std::string {
        if (!by.others || rule->guard.mode == pipeline::RuleMode::recommend) return {};
        return by.others(name_ + "/" + rule->name, each.actions);
      });
    }
    by.log(fmt::format("agent {}: rule {}: {}{}", name_, each.rule, each.state,
                       each.reason.empty() ? "" : ": " + each.reason));
  }
}

/// What is decided of the run that somebody waits to begin is for them; of another one it came too late.
void AgentSessions::note_admission(const pipeline::AgentRule& rule,
                                   const std::vector<Decision>& decisions) {
  if (rule.on.uses != "submit") return;
  const std::lock_guard lock(mutex_);
  if (!admission_) return;
  for (const Decision& each : decisions) {
    if (each.state == "done" && each.submission == admission_->number)
      admission_->actions.insert(admission_->actions.end(), each.actions.begin(),
                                 each.actions.end());
  }
}

/// {"submission"} -> {}: all rules have been asked.
Allowed<json> AgentSessions::admitted(const json& asked) {
  const std::uint64_t number = asked.at("submission");
  const std::lock_guard lock(mutex_);
  if (!admission_ || admission_->number != number) return json::object();  // it came too late
  admission_->answer.set_value(std::move(admission_->actions));
  admission_.reset();
  return json::object();
}

/// {"states": {RULE: state}} -> {}: of rules that have decided nothing.
Allowed<json> AgentSessions::keep(const json& asked) {
  const auto own = spec();
  const auto kept = ledger_.rules(name_);
  if (!kept) return broken(kept.error());
  std::map<std::string, RuleState> states;
  for (const auto& [name, document] : asked.at("states").items()) {
    if (rule_of(*own, name) == nullptr) continue;  // of a version before
    RuleState state = rule_state_from_json(document);
    if (const auto before = kept->find(name); before != kept->end()) {
      if (state.seen < before->second.seen) continue;  // older than what is kept
      state.guard = before->second.guard;
    } else {
      state.guard = GuardState();
    }
    states[name] = std::move(state);
  }
  if (const auto done = ledger_.keep(name_, states); !done) return broken(done.error());
  return json::object();
}

/// {"rules": [NAME]} -> {}: those of others go, but for those of its document, whatever its process has.
Allowed<json> AgentSessions::keep_rules(const json& asked) {
  std::vector<std::string> rules = asked.at("rules");
  for (const pipeline::AgentRule& each : spec()->rules) rules.push_back(each.name);
  if (const auto kept = ledger_.keep_rules(name_, rules); !kept) return broken(kept.error());
  return json::object();
}

/// {"decision", "goal"} -> {}.
Allowed<json> AgentSessions::set_evidence(const json& asked) {
  auto decision = own_decision(asked.at("decision"));
  if (!decision) return tl::unexpected(decision.error());
  if (!decision->evidence.is_object()) decision->evidence = json::object();
  decision->evidence["goal"] = asked.at("goal");
  if (const auto kept = ledger_.set_evidence(decision->id, decision->evidence); !kept)
    return broken(kept.error());
  return json::object();
}

// --- what is done

/// {"decision", "action": N} -> {}: what becomes of it is news, {"type": "outcome", "order", "outcome"}.
Allowed<json> AgentSessions::act(const json& asked) {
  auto decision = own_decision(asked.at("decision"));
  if (!decision) return tl::unexpected(decision.error());
  const std::size_t index = asked.at("action");
  if (index >= decision->actions.size())
    return wrong(fmt::format("the decision {} has no action {}", decision->id, index));
  const DecidedAction& action = decision->actions[index];
  const std::string order = fmt::format("{}-{}", decision->id, index);
  if (!action.outcome.empty()) {  // its end was told, and maybe lost
    push({{"type", "outcome"},
          {"order", order},
          {"outcome", to_json(Outcome{action.outcome, action.message, action.evidence})}});
    return json::object();
  }
  if (decision->state != "acting")
    return wrong(
        fmt::format("the decision {} does not act: it is {}", decision->id, decision->state));
  const auto not_done = [](const DecidedAction& each) { return each.outcome != "DONE"; };
  if (std::any_of(decision->actions.begin(),
                  decision->actions.begin() + static_cast<std::ptrdiff_t>(index), not_done))
    return wrong(fmt::format("the actions of {} are done one after the other", decision->id));
  begin_action(*decision, index);
  return json::object();
}

/// Of a decision that acts; one that is under way already is done once, by its order's id.
void AgentSessions::begin_action(const Decision& decision, std::size_t index) {
  const DecidedAction& action = decision.actions[index];
  const std::string order = fmt::format("{}-{}", decision.id, index);
  const auto told = [self = shared_from_this(), id = decision.id, index, order](Outcome outcome) {
    // Elsewhere: the engine must not wait for a commit of its own.
    boost::asio::post(self->writing_, [self, id, index, order, outcome = std::move(outcome)] {
      self->record(id, index, order, outcome);
    });
  };
  // The document may have changed since.
  const auto own = spec();
  const pipeline::AgentRule* const rule = rule_of(*own, decision.rule);
  std::string why = rule == nullptr ? fmt::format("the agent has no rule '{}'", decision.rule)
                                    : why_refused(*rule, {action}, decision.depth, false);
  if (!why.empty()) return told({"REFUSED", std::move(why), json::object()});
  try {
    actor_.act({order, action, name_, decision.rule, decision.id, decision.depth}, told);
  } catch (const std::exception& error) {
    told({"FAILED", error.what(), json::object()});
  }
}

/// What became of an action; with the last one, or one that failed, its decision ends.
void AgentSessions::record(const std::string& id, std::size_t index, const std::string& order,
                           const Outcome& outcome) {
  {
    const std::lock_guard working(working_mutex_);
    auto decision = own_decision(id);
    if (!decision || decision->state != "acting" || !decision->actions[index].outcome.empty())
      return;
    DecidedAction& action = decision->actions[index];
    action.outcome = outcome.outcome;
    action.message = outcome.message;
    action.evidence = outcome.evidence;
    const bool done = outcome.outcome == "DONE";
    const auto options = [this] {
      const std::lock_guard lock(mutex_);
      return std::pair(options_.agent.clock, options_.agent.log);
    }();
    if (!done || index + 1 == decision->actions.size()) {
      decision->state = done ? "done" : outcome.outcome == "REFUSED" ? "refused" : "failed";
      if (!done) decision->reason = outcome.message;
      decision->ended_us = options.first();
    }
    if (const auto kept = ledger_.update(*decision); !kept) options.second(kept.error().message);
    if (decision->state == "acting") begin_action(*decision, index + 1);
  }
  push({{"type", "outcome"}, {"order", order}, {"outcome", to_json(outcome)}});
}

}  // namespace scanflow::control
