// A checked Agent: rules that look after something.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/pipeline/diagnostic.hpp"

namespace scanflow::pipeline {

using nlohmann::json;

/// Who wakes its rules: the server, or a process of its own (scanflow agent run).
enum class AgentRuns { server, process };

/// What a rule does about what it decides.
enum class RuleMode { act, recommend, approve };

struct RuleGuard {
  std::int64_t cooldown_us = 0;  // after a decision that asked for something, the next is held back
  double max_per_hour = 60;      // decisions that ask for something
  RuleMode mode = RuleMode::act;
  std::int64_t deadline_us = 1'000'000;  // of one call of its trigger or strategy
};

/// What a rule is for: asked when it decides, and once more later.
struct RuleGoal {
  std::string value;  // an expression
  std::int64_t after_us = 60'000'000;
};

/// A trigger or a strategy, and its configuration with defaults.
struct RulePlugin {
  std::string uses;
  json with = json::object();
};

/// A primitive that a rule asks for: its strings may hold ${{ }}.
struct RuleAction {
  std::string primitive;
  json target = json::
      object();  // {"run", "step"}, {"service"}, {"object", "namespace"}; empty: the engine itself
  json args = json::object();
};

struct AgentRule {
  std::string name;
  RulePlugin on;                           // the trigger
  std::map<std::string, std::string> see;  // expressions, asked when it fires
  std::string when;                        // an expression; empty: always
  std::vector<RuleAction> actions;         // `do`
  std::optional<RulePlugin> strategy;      // instead of `do`
  json target = json::
      object();  // of whom is asked what no action says, but of the engine; it may hold ${{ }}
  std::vector<std::string> allow;  // primitives that it may ask for
  RuleGuard guard;
  std::optional<RuleGoal> goal;
};

struct AgentSpec {
  std::string file;  // as the user named it
  std::string name;
  std::string name_space = "default";
  std::map<std::string, std::string> labels;
  AgentRuns runs = AgentRuns::server;
  std::string template_;  // monitor, analyzer, planner, executor; empty: none
  std::vector<AgentRule> rules;
};

/// "server", "process".
std::string to_text(AgentRuns runs);
/// "act", "recommend", "approve".
std::string to_text(RuleMode mode);

}  // namespace scanflow::pipeline
