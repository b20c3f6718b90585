// What a rule may ask for at all, whatever its guard says. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/control/decision.hpp"
#include "engine/control/guard.hpp"
#include "engine/pipeline/agent_spec.hpp"

namespace scanflow::control {

/// Why it may not ask for these; "": it may. `depth`: as of Decision; `submitted`: somebody waits to begin a run.
std::string why_refused(const pipeline::AgentRule& rule, const std::vector<DecidedAction>& actions,
                        int depth, bool submitted);

/// Of a decision that somebody else has taken for the rule, and who is not trusted: its state becomes what it may be, by
/// the rule's mode, what it allows, and its guard, which takes a note of it: all by `now_us`, whenever it says that was.
/// `others`: why the rule is held back by others, asked last.
void judge(const pipeline::AgentRule& rule, GuardState& guard, Decision& decision,
           std::int64_t now_us, const std::function<std::string()>& others);
/// It may not be.
void refuse(Decision& decision, std::string why, std::int64_t now_us);

}  // namespace scanflow::control
