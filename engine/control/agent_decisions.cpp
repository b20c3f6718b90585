// How an agent decides about what was noticed, and what becomes of that.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/control/agent_runner.hpp"
#include "engine/control/permission.hpp"
#include "engine/pipeline/admission.hpp"
#include "engine/pipeline/engine_primitives.hpp"
#include "sdk/base/uuid.hpp"
#include "sdk/loader/control_messages.hpp"
#include "sdk/loader/schema.hpp"

namespace scanflow::control {

/// Nothing: there is nothing to do. An error: the strategy has failed, and is to be asked again.
Result<std::optional<Decision>> AgentRunner::decide(std::size_t index, const json& evidence,
                                                    int depth) {
  Rule& rule = rules_[index];
  const pipeline::AgentRule& spec = *rule.spec;
  json see = json::object();
  pipeline::Scope scope;
  scope.event = evidence;
  for (const auto& [name, question] : spec.see) {
    const auto answer = ask_metrics(question, evidence);
    see[name] = answer ? *answer : json();
    if (!answer) say(fmt::format("rule {}: see.{}: {}", spec.name, name, answer.error().message));
  }
  Decision decision;
  decision.id = uuid_v7(now() / 1000);
  decision.agent = name_;
  decision.rule = spec.name;
  decision.time_us = now();
  decision.mode = to_text(spec.guard.mode);
  decision.depth = depth + 1;
  decision.submission = submission_;
  decision.evidence = evidence;
  if (!spec.see.empty()) decision.evidence["see"] = see;
  if (spec.goal) decision.evidence["goal"] = {{"before", ask_goal(*spec.goal, evidence)}};
  scope.see = see;
  auto actions = spec.strategy ? ask_strategy(index, decision.evidence, scope)
                               : evaluate_actions(spec, evidence, see);
  if (!actions && spec.strategy && rule.tries + 1 < kMostTries)
    return fail("its strategy: " + actions.error().message);
  const auto end = [&](const char* state, std::string reason) {
    decision.state = state;
    decision.reason = std::move(reason);
    decision.ended_us = now();
  };
  if (!actions) {
    end("failed", actions.error().message);
    return std::optional(decision);
  }
  if (actions->empty()) return std::optional<Decision>();
  decision.actions = std::move(*actions);
  const std::int64_t now_us = now();
  if (std::string why = why_refused(spec, decision.actions, decision.depth, admitting_ != nullptr);
      !why.empty()) {
    end("refused", std::move(why));
  } else if (std::string held = rule.state.guard.why_not(spec.guard, now_us); !held.empty()) {
    end("held", std::move(held));
  } else if (std::string contested = held_by_others(spec, decision.actions); !contested.empty()) {
    end("held", std::move(contested));
  } else {
    rule.state.guard.note(now_us);
    if (spec.guard.mode == pipeline::RuleMode::recommend)
      end("recommended", "");
    else if (admitting_ != nullptr && spec.guard.mode == pipeline::RuleMode::act)
      admit_now(decision);
    else
      decision.state = spec.guard.mode == pipeline::RuleMode::approve ? "waiting" : "acting";
  }
  return std::optional(decision);
}

Result<std::vector<DecidedAction>> AgentRunner::ask_strategy(std::size_t index,
                                                             const json& evidence,
                                                             const pipeline::Scope& scope) {
  const loader::Question question{now(), evidence, rules_[index].state.strategy_state};
  const auto answer = host_.ask(
      {{"op", "decide"}, {"id", strategy_id(index)}, {"question", loader::to_json(question)}},
      patience_of(*rules_[index].spec));
  if (!answer) return tl::unexpected(answer.error());
  loader::Decided decided = loader::decided_from_json(*answer);
  if (decided.state) rules_[index].state.strategy_state = *decided.state;
  const auto target = evaluator_.evaluate(rules_[index].spec->target, scope);
  if (!target) return fail("target: " + target.error().message);
  std::vector<DecidedAction> actions;
  for (loader::WantedAction& each : decided.actions) {
    if (each.target.empty() && pipeline::find_engine_primitive(each.primitive) == nullptr)
      each.target = *target;
    actions.push_back({.primitive = std::move(each.primitive),
                       .target = std::move(each.target),
                       .args = std::move(each.args),
                       .reason = std::move(each.reason)});
  }
  return actions;
}

Result<std::vector<DecidedAction>> AgentRunner::evaluate_actions(const pipeline::AgentRule& rule,
                                                                 const json& evidence,
                                                                 const json& see) {
  pipeline::Scope scope;
  scope.event = evidence;
  scope.see = see;
  std::vector<DecidedAction> actions;
  if (!rule.when.empty()) {
    const auto holds = evaluator_.condition(rule.when, scope);
    if (!holds) return fail("when: " + holds.error().message);
    if (!*holds) return actions;
  }
  for (const pipeline::RuleAction& each : rule.actions) {
    auto target = evaluator_.evaluate(each.target, scope);
    auto args = evaluator_.evaluate(each.args, scope);
    if (!target || !args)
      return fail(each.primitive + ": " + (target ? args : target).error().message);
    actions.push_back({each.primitive, std::move(*target), std::move(*args)});
  }
  return actions;
}

Result<json> AgentRunner::ask_metrics(const std::string& expression, const json& event) {
  if (options_.evaluate) return options_.evaluate(expression, event);
  pipeline::Scope scope;
  scope.event = event;
  scope.metrics = options_.metrics;
  scope.running = options_.running;
  return evaluator_.evaluate(json(expression), scope);
}

/// Null: it has no value now.
json AgentRunner::ask_goal(const pipeline::RuleGoal& goal, const json& evidence) {
  auto answer = ask_metrics(goal.value, evidence);
  return answer ? std::move(*answer) : json();
}

/// Of a decision that was carried out, or would have been: its goal is asked once more, some time after.
void AgentRunner::await_effect(const Decision& decision) {
  const auto rule = std::find_if(rules_.begin(), rules_.end(), [&](const Rule& each) {
    return each.spec->name == decision.rule;
  });
  const bool acts =
      decision.state == "acting" || decision.state == "done" || decision.state == "recommended";
  if (rule == rules_.end() || !rule->spec->goal || !acts) return;
  const json goal = decision.evidence.value("goal", json::object());
  if (!goal.is_object() || goal.contains("after")) return;
  effects_.emplace(decision.time_us + rule->spec->goal->after_us, decision.id);
}

void AgentRunner::look_at_effects() {
  while (!effects_.empty() && effects_.begin()->first <= now()) {
    const std::string id = effects_.begin()->second;
    effects_.erase(effects_.begin());
    auto decision = memory_.decision(id);
    if (!decision || !*decision) continue;
    Decision& made = **decision;
    const auto rule = std::find_if(rules_.begin(), rules_.end(),
                                   [&](const Rule& each) { return each.spec->name == made.rule; });
    if (rule == rules_.end() || !rule->spec->goal) continue;
    json goal = made.evidence.value("goal", json::object());
    goal["after"] = ask_goal(*rule->spec->goal, made.evidence);
    goal["after_us"] = now() - made.time_us;
    made.evidence["goal"] = goal;
    if (const auto acting = acting_.find(id); acting != acting_.end())
      acting->second.evidence["goal"] = goal;
    if (const auto kept = memory_.set_evidence(made.id, made.evidence); !kept)
      say(kept.error().message);
    say(fmt::format("rule {}: effect of {}: {} -> {}", made.rule, id.substr(0, 8),
                    goal.value("before", json()).dump(), goal.at("after").dump()));
  }
}

/// Whoever asked does it.
void AgentRunner::admit_now(Decision& decision) {
  decision.state = "done";
  decision.ended_us = now();
  const pipeline::EnginePrimitive* const admit = pipeline::find_engine_primitive("admit");
  const std::string document = decision.evidence.value("document", json::object()).dump();
  for (DecidedAction& each : decision.actions) {
    const auto problems = loader::validate(json::parse(admit->schema), each.args);
    const auto changed = problems.empty() ? pipeline::admitted("the pipeline", document, each.args)
                                          : Result<std::string>(fail(problems[0].message));
    each.outcome = changed ? "DONE" : "FAILED";
    if (changed) {
      admitting_->push_back(each);
      continue;
    }
    each.message = decision.reason = changed.error().message;
    decision.state = "failed";
  }
}

/// One that recommends sets nothing.
std::string AgentRunner::held_by_others(const pipeline::AgentRule& rule,
                                        const std::vector<DecidedAction>& actions) const {
  if (!options_.others || rule.guard.mode == pipeline::RuleMode::recommend) return {};
  return options_.others(name_ + "/" + rule.name, actions);
}

/// For people.
void AgentRunner::record(const Decision& decision) {
  std::string what;
  for (const DecidedAction& each : decision.actions)
    what += (what.empty() ? "" : ", ") + each.primitive;
  say(fmt::format("rule {}: {} {}{}", decision.rule, decision.state, what,
                  decision.reason.empty() ? "" : ": " + decision.reason));
}

// --- what is done

/// One action after the other, from the first that has no outcome.
void AgentRunner::go_on(const Decision& decision) {
  Decision& acting = acting_[decision.id] = decision;
  std::size_t next = 0;
  while (next < acting.actions.size() && acting.actions[next].outcome == "DONE") ++next;
  const bool failed = next < acting.actions.size() && !acting.actions[next].outcome.empty();
  if (next < acting.actions.size() && !failed) {
    const Order order{fmt::format("{}-{}", acting.id, next),
                      acting.actions[next],
                      name_,
                      acting.rule,
                      acting.id,
                      acting.depth};
    const auto told = [mail = mail_, id = acting.id, next](Outcome outcome) {
      const std::lock_guard held(mail->mutex);
      if (mail->to == nullptr) return;
      const std::lock_guard lock(mail->to->mutex_);
      mail->to->ends_.push_back({id, next, std::move(outcome)});
      mail->to->changed_.notify_one();
    };
    try {
      actor_.act(order, told);
    } catch (const std::exception& error) {
      told({"FAILED", error.what(), json::object()});
    }
    return;
  }
  acting.state = failed ? "failed" : "done";
  if (failed) acting.reason = acting.actions[next].message;
  acting.ended_us = now();
  if (const auto kept = memory_.update(acting); !kept) say(kept.error().message);
  record(acting);
  acting_.erase(decision.id);
}

void AgentRunner::take_ends() {
  std::deque<Ended> ends;
  {
    const std::lock_guard lock(mutex_);
    ends.swap(ends_);
  }
  for (Ended& each : ends) {
    const auto found = acting_.find(each.decision);
    if (found == acting_.end()) continue;
    Decision decision = found->second;
    DecidedAction& action = decision.actions[each.action];
    action.outcome = std::move(each.outcome.outcome);
    action.message = std::move(each.outcome.message);
    action.evidence = std::move(each.outcome.evidence);
    if (const auto kept = memory_.update(decision); !kept) say(kept.error().message);
    go_on(decision);
  }
}

void AgentRunner::take_answers() {
  std::deque<std::string> answers;
  {
    const std::lock_guard lock(mutex_);
    answers.swap(answers_);
  }
  for (const std::string& each : answers) {
    const auto decision = memory_.decision(each);
    if (!decision || !*decision) continue;
    record(**decision);
    if ((*decision)->state == "acting" && !acting_.contains(each)) go_on(**decision);
  }
}

}  // namespace scanflow::control
