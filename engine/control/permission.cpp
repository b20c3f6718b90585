#include "engine/control/permission.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace scanflow::control {
namespace {

constexpr int kMostDepth = 16;
constexpr std::int64_t kClocksDifferUs = 5'000'000;  // at most

/// How a decision that asks for something begins.
const char* first_state(const pipeline::AgentRule& rule) {
  using pipeline::RuleMode;
  if (rule.guard.mode == RuleMode::recommend) return "recommended";
  if (rule.guard.mode == RuleMode::approve) return "waiting";
  return rule.on.uses == "submit" ? "done" : "acting";  // whoever submits does it
}

/// Nothing has been done of it.
void forget_outcomes(Decision& decision) {
  for (DecidedAction& each : decision.actions) {
    each.outcome.clear();
    each.message.clear();
  }
}

}  // namespace

std::string why_refused(const pipeline::AgentRule& rule, const std::vector<DecidedAction>& actions,
                        int depth, bool submitted) {
  for (const DecidedAction& each : actions) {
    if (submitted && each.primitive != "admit")
      return fmt::format("it asks for '{}', and whoever submits waits: only admit can be asked for",
                         each.primitive);
    if (std::find(rule.allow.begin(), rule.allow.end(), each.primitive) == rule.allow.end())
      return fmt::format("it asks for '{}', which the rule does not allow", each.primitive);
  }
  if (depth <= kMostDepth) return {};
  return fmt::format("{} rules have led to this, each by an event: is that a circle?", kMostDepth);
}

void refuse(Decision& decision, std::string why, std::int64_t now_us) {
  decision.state = "refused";
  decision.reason = std::move(why);
  decision.ended_us = now_us;
  forget_outcomes(decision);
}

void judge(const pipeline::AgentRule& rule, GuardState& guard, Decision& decision,
           std::int64_t now_us, const std::function<std::string()>& others) {
  const bool submitted = rule.on.uses == "submit";
  decision.mode = to_text(rule.guard.mode);
  decision.by.clear();
  decision.depth = std::max(decision.depth, 1);
  if (decision.time_us > now_us + kClocksDifferUs || decision.time_us < now_us - kClocksDifferUs)
    decision.time_us = now_us;
  const std::string state = decision.state;
  if (state == "failed" || state == "held" || state == "refused") {  // nothing comes of it
    decision.ended_us = now_us;
    if (!submitted) forget_outcomes(decision);
    return;
  }
  if (state != first_state(rule))
    return refuse(decision,
                  fmt::format("it came as '{}', and by the rule's mode it is '{}'",
                              state.substr(0, 100), first_state(rule)),
                  now_us);
  if (std::string why = why_refused(rule, decision.actions, decision.depth, submitted);
      !why.empty())
    return refuse(decision, std::move(why), now_us);
  std::string held = guard.why_not(rule.guard, now_us);
  if (held.empty()) held = others();
  if (!held.empty()) {
    refuse(decision, std::move(held), now_us);
    decision.state = "held";
    return;
  }
  guard.note(now_us);
  decision.ended_us = state == "acting" || state == "waiting" ? 0 : now_us;
  if (!submitted) forget_outcomes(decision);
}

}  // namespace scanflow::control
