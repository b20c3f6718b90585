// The fields of an Agent.
#include <array>

#include "engine/pipeline/fields.hpp"

namespace scanflow::pipeline {
namespace {

constexpr bool kAgentNeeds = true;
constexpr double kMostPerHour = 3600;
constexpr double kLongestCooldown = 7.0 * 24 * 3600e6;
constexpr double kShortestCall = 10e3, kLongestCall = 60e6;

constexpr std::array<std::string_view, 1> kAgentVersions{"scanflow.dev/v1"};
constexpr std::array<std::string_view, 1> kAgentKind{"Agent"};
constexpr std::array<std::string_view, 4> kTemplates{"monitor", "analyzer", "planner", "executor"};
constexpr std::array<std::string_view, 2> kRunBy{"server", "process"};
constexpr std::array<std::string_view, 3> kModes{"act", "recommend", "approve"};

constexpr Field kRuleOfAgent = Field{"", kMap, "a rule"}.of(agent_rule_fields);
constexpr Field kConfigOfTrigger{"", kMap | kNull, "the trigger's configuration"};
constexpr Field kQuestionOfRule{"", kText, "an expression: what metrics say, or what runs"};
constexpr Field kArgumentsOfAction{"", kMap | kNull,
                                   "its arguments; 'target': whom it is asked of"};
constexpr Field kActionOfRule =
    Field{"", kMap, "a primitive, and its arguments"}.of(agent_action_fields);
constexpr Field kAllowedPrimitive{"", kText, "the name of a primitive", "literal"};

constexpr std::array kAgent{
    Field{"apiVersion", kText, "the version of the format", {}, kAgentNeeds}.among(kAgentVersions),
    Field{"kind", kText, "what the document describes", {}, kAgentNeeds}.among(kAgentKind),
    Field{"metadata", kMap, "name, namespace, labels", {}, kAgentNeeds}.of(metadata_fields),
    Field{"template", kText, "what it is in the loop: defaults of its rules' guards"}.among(
        kTemplates),
    Field{
        "runs", kText,
        "where its rules are woken: by the server, or by a process of its own (scanflow agent run)"}
        .among(kRunBy)
        .initially("server"),
    Field{"rules", kList, "what it notices, and what it does then", {}, kAgentNeeds}
        .listing(kRuleOfAgent)
        .not_empty(),
};

constexpr std::array kAgentRule{
    Field{"name", kText, "its name within the agent", "label", kAgentNeeds},
    Field{"on", kMap, "a trigger plugin, and its configuration", {}, kAgentNeeds}.of(
        agent_trigger_fields),
    Field{"see", kMap, "expressions that are asked when it fires, by name: see.NAME"}.of(
        agent_see_fields),
    Field{"when", kText, "an expression over event and see: false: nothing is done"},
    Field{"do", kList, "primitives that it asks for, one after the other"}
        .listing(kActionOfRule)
        .not_empty(),
    Field{"strategy", kMap, "a strategy plugin that decides, instead of 'do'"}.of(
        agent_strategy_fields),
    Field{"target", kMap,
          "whom its primitives are asked of, where an action does not say: {object: "
          "deployment/NAME}, {service: NAMESPACE/NAME}, or {run: ID, step: NAME}"}
        .of(with_fields),
    Field{"allow", kList, "primitives that it may ask for; without it those that 'do' names"}
        .listing(kAllowedPrimitive)
        .not_twice(),
    Field{"guard", kMap, "what holds it back"}.of(agent_guard_fields),
    Field{"goal", kMap, "what it is for: asked when it decides, and again some time after"}.of(
        agent_goal_fields),
};

constexpr std::array kAgentStrategy{
    Field{"uses", kText, "a strategy plugin", "literal", kAgentNeeds}.not_empty(),
    Field{"with", kMap, "its configuration"}.of(with_fields),
};

constexpr std::array kAgentGuard{
    Field{"cooldown", kScalar, "after a decision that asks for something the next waits so long",
          "duration"}
        .within(0, kLongestCooldown),
    Field{"max_per_hour", kInt, "decisions of the last hour that asked for something, at most"}
        .within(1, kMostPerHour, "to hold all of them back, use mode: recommend"),
    Field{"mode", kText,
          "act: it does it; recommend: it says what it would do; approve: it waits until somebody "
          "approves"}
        .among(kModes)
        .initially("act"),
    Field{"deadline", kScalar,
          "of one call of its trigger or strategy, which ends the process of both", "duration"}
        .within(kShortestCall, kLongestCall)
        .initially("1s"),
};

constexpr std::array kAgentGoal{
    Field{"value", kText, "an expression: a number that metrics say", {}, kAgentNeeds},
    Field{"after", kScalar, "when it is asked again", "duration"}
        .within(1e6, kLongestCooldown)
        .initially("1m"),
};

constexpr Table kAgentTable{"agent", "an agent", kAgent};
constexpr Table kAgentRuleTable{"agent_rule", "a rule", kAgentRule};
constexpr Table kAgentTriggerTable{"agent_trigger", "'on'", {}, &kConfigOfTrigger, "literal", true};
constexpr Table kAgentSeeTable{"agent_see", "'see'", {}, &kQuestionOfRule, "identifier"};
constexpr Table kAgentActionTable{"agent_action",      "an action", {},
                                  &kArgumentsOfAction, "literal",   true};
constexpr Table kAgentStrategyTable{"agent_strategy", "a strategy", kAgentStrategy};
constexpr Table kAgentGuardTable{"agent_guard", "a guard", kAgentGuard};
constexpr Table kAgentGoalTable{"agent_goal", "a goal", kAgentGoal};

}  // namespace

const Table& agent_fields() { return kAgentTable; }
const Table& agent_rule_fields() { return kAgentRuleTable; }
const Table& agent_trigger_fields() { return kAgentTriggerTable; }
const Table& agent_see_fields() { return kAgentSeeTable; }
const Table& agent_action_fields() { return kAgentActionTable; }
const Table& agent_strategy_fields() { return kAgentStrategyTable; }
const Table& agent_guard_fields() { return kAgentGuardTable; }
const Table& agent_goal_fields() { return kAgentGoalTable; }

}  // namespace scanflow::pipeline
