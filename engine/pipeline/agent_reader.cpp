#include "engine/pipeline/agent_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "engine/pipeline/engine_primitives.hpp"
#include "engine/pipeline/expression_analysis.hpp"
#include "engine/pipeline/expression_checks.hpp"
#include "engine/pipeline/lua_sandbox.hpp"
#include "engine/pipeline/map_reader.hpp"
#include "engine/pipeline/metadata_reader.hpp"
#include "engine/pipeline/one_document.hpp"
#include "engine/pipeline/text.hpp"
#include "engine/pipeline/yaml_values.hpp"
#include "sdk/base/nearest.hpp"
#include "sdk/loader/schema.hpp"
#include "sidecar/protocol/primitives.hpp"

namespace scanflow::pipeline {
namespace {

constexpr double kMostAdmissions = 3600;  // of a rule, an hour, where it says nothing

constexpr const char* kTargets =
    "target: {run: ID, step: NAME}, {service: NAMESPACE/NAME}, or {object: deployment/NAME}";

struct TemplateOfAgent {
  std::string_view name;
  RuleGuard guard;
};
constexpr std::int64_t kSecondUs = 1'000'000;
/// Who only notices may do so often; who changes what runs, not.
const std::array<TemplateOfAgent, 4> kTemplateGuards{{
    {"monitor", {0, 3600, RuleMode::act}},
    {"analyzer", {10 * kSecondUs, 360, RuleMode::act}},
    {"planner", {60 * kSecondUs, 60, RuleMode::act}},
    {"executor", {10 * kSecondUs, 60, RuleMode::act}},
}};

bool holds_expression(const json& value) {
  return value.is_string() && has_expression(value.get_ref<const std::string&>());
}

std::string hint_among(const std::string& name, const std::vector<std::string>& names) {
  const std::string near = nearest(name, names);
  return near.empty() ? "" : fmt::format("did you mean '{}'?", near);
}

class AgentReader {
 public:
  AgentReader(const Node& root, const Reading& reading, Problems& problems)
      : root_(root), reading_(reading), problems_(problems) {}

  AgentSpec read() {
    const MapReader map(root_, agent_fields(), problems_);
    Metadata metadata = read_metadata(map, reading_, "agent", problems_);
    out_.name = std::move(metadata.name);
    out_.name_space = std::move(metadata.name_space);
    out_.labels = std::move(metadata.labels);
    if (const Node* chosen = map.get("template")) out_.template_ = chosen->text;
    if (const Node* runs = map.get("runs"))
      if (runs->text == "process") out_.runs = AgentRuns::process;
    for (const TemplateOfAgent& each : kTemplateGuards)
      if (each.name == out_.template_) usual_ = each.guard;
    if (const Node* rules = map.get("rules"))
      for (const Node* rule : rules->items) read_rule(*rule);
    return std::move(out_);
  }

 private:
  void read_rule(const Node& root) {
    const MapReader map(root, agent_rule_fields(), problems_);
    AgentRule rule;
    rule.guard = usual_;
    if (asks_beforehand(root)) rule.guard = {.max_per_hour = kMostAdmissions};
    if (const Node* name = map.get("name")) {
      rule.name = name->text;
      check_name(*name);
    }
    if (const Node* on = map.get("on")) read_trigger(*on, rule);
    if (const Node* see = map.get("see")) read_see(*see, rule);
    if (const Node* when = map.get("when")) {
      rule.when = when->text;
      check_condition(*when, rule);
    }
    if (const Node* target = map.get("target")) {
      rule.target = to_json(*target, problems_);
      check_all_expressions(*target);
      check_target(*target, rule.target);
    }
    if (const Node* actions = map.get("do"))
      for (const Node* action : actions->items) read_action(*action, rule);
    if (const Node* strategy = map.get("strategy")) read_strategy(*strategy, rule);
    check_what_decides(map);
    read_allow(map, rule);
    if (rule.on.uses == "submit") check_asks_admit(map, rule);
    if (const Node* guard = map.get("guard")) read_guard(*guard, rule.guard);
    if (const Node* goal = map.get("goal")) read_goal(*goal, rule);
    out_.rules.push_back(std::move(rule));
  }

  /// Whoever submits waits for it: what its guard held back would go unasked.
  static bool asks_beforehand(const Node& rule) {
    const Node* const on = rule.find("on");
    return on != nullptr && on->items.size() == 2 && on->items[0]->text == "submit";
  }

  void check_asks_admit(const MapReader& map, const AgentRule& rule) {
    for (const std::string& each : rule.allow) {
      if (each == "admit") continue;
      problems_
          .add(
              map.node().at, 1,
              fmt::format("a rule on 'submit' asks for admit alone, not for '{}'", printable(each)))
          .hint = "make a rule of its own, on an event";
    }
  }

  void check_name(const Node& name) {
    if (!is_label(name.text)) {
      problems_.add(name, fmt::format("'{}' is not the name of a rule", printable(name.text)))
          .hint = std::string(kLabelRule);
    } else if (std::any_of(out_.rules.begin(), out_.rules.end(),
                           [&](const AgentRule& rule) { return rule.name == name.text; })) {
      problems_.add(name, fmt::format("duplicate rule '{}'", printable(name.text))).hint =
          "give each rule a name of its own";
    }
  }

  /// A map of one: the trigger, and its configuration.
  void read_trigger(const Node& on, AgentRule& rule) {
    if (on.items.size() > 2) {
      problems_.add(*on.items[2], "a rule has one trigger").hint =
          "make a rule of its own for each";
    }
    if (on.items.size() < 2) return;  // reported
    const Node &name = *on.items[0], &config = *on.items[1];
    rule.on.uses = name.text;
    if (config.is_map()) rule.on.with = to_json(config, problems_);
    refuse_expressions(config, "a trigger");
    check_plugin(name, config.is_map() ? config : name, loader::Kind::trigger, "trigger", rule.on);
  }

  void read_strategy(const Node& node, AgentRule& rule) {
    const MapReader map(node, agent_strategy_fields(), problems_);
    RulePlugin strategy;
    const Node* const uses = map.get("uses");
    const Node* const with = map.get("with");
    if (with != nullptr) {
      strategy.with = to_json(*with, problems_);
      refuse_expressions(*with, "a strategy");
    }
    if (uses != nullptr) {
      strategy.uses = uses->text;
      check_plugin(*uses, with != nullptr ? *with : *uses, loader::Kind::strategy, "strategy",
                   strategy);
    }
    rule.strategy = std::move(strategy);
  }

  void check_plugin(const Node& name, const Node& at, loader::Kind kind, std::string_view word,
                    RulePlugin& plugin) {
    const loader::PluginInfo* const found = reading_.catalog.find(plugin.uses);
    if (found == nullptr || found->kind != kind) {
      const std::vector<std::string> there = reading_.catalog.ids(kind);
      Diagnostic& problem = problems_.add(
          name, found == nullptr ? fmt::format("unknown {} '{}'", word, printable(plugin.uses))
                                 : fmt::format("the plugin '{}' is no {}", plugin.uses, word));
      problem.hint = hint_among(plugin.uses, there);
      if (problem.hint.empty() && !there.empty())
        problem.notes.push_back("those that there are: " + join_or(there, "and"));
      return;
    }
    for (const auto& problem : loader::validate(found->config_schema, plugin.with))
      problems_.add(at, fmt::format("{}{}: {} (schema of {})", word, problem.pointer,
                                    problem.message, found->id));
  }

  void read_see(const Node& see, AgentRule& rule) {
    for (std::size_t i = 0; i + 1 < see.items.size(); i += 2) {
      const Node &name = *see.items[i], &question = *see.items[i + 1];
      if (!question.is_scalar()) continue;  // reported
      rule.see[name.text] = question.text;
      check_expressions_of(question, {"event", "metrics", "runs"}, true);
    }
  }

  void check_condition(const Node& when, const AgentRule&) {
    check_expressions_of(when, {"event", "see"}, true);
  }

  void read_action(const Node& node, AgentRule& rule) {
    if (!node.is_map() || node.items.size() < 2) return;  // reported
    if (node.items.size() > 2) {
      problems_.add(*node.items[2], "an action is one primitive").hint =
          "begin a new one with '- '";
    }
    const Node &name = *node.items[0], &arguments = *node.items[1];
    RuleAction action;
    action.primitive = name.text;
    if (arguments.is_map()) action.args = to_json(arguments, problems_);
    check_all_expressions(arguments);
    if (auto target = action.args.find("target"); target != action.args.end()) {
      action.target = *target;
      action.args.erase(target);
    } else if (find_engine_primitive(action.primitive) == nullptr) {
      action.target = rule.target;
    }
    if (check_known(name)) check_arguments(name, arguments, action);
    rule.actions.push_back(std::move(action));
  }

  bool check_known(const Node& name) {
    const std::vector<std::string> names = all_primitive_names();
    if (std::binary_search(names.begin(), names.end(), name.text)) return true;
    Diagnostic& problem =
        problems_.add(name, fmt::format("unknown primitive '{}'", printable(name.text)));
    problem.hint = hint_among(name.text, names);
    if (problem.hint.empty())
      problem.notes.push_back("those that there are: " + join_or(names, "and"));
    return false;
  }

  /// A step of a run, a service, or an object of a cluster. False: reported.
  bool check_target(const Node& at, const json& target) {
    const bool step = target.is_object() && target.contains("step") && target.contains("run");
    if (step || (target.is_object() && (target.contains("object") || target.contains("service"))))
      return true;
    problems_.add(at, "the target is neither a step of a run, nor a service, nor an object").hint =
        kTargets;
    return false;
  }

  /// By what is known of the primitive where it is asked; none: reported, or not known here (of objects).
  std::optional<std::string_view> schema_of(const Node& name, const Node& place,
                                            const RuleAction& action) {
    const auto report = [&](std::string_view whose) {
      problems_.add(name, fmt::format("'{}' is no primitive of {}", action.primitive, whose)).hint =
          "'scanflow primitive list' shows which are";
      return std::nullopt;
    };
    if (action.target.is_object() && action.target.empty()) {
      const EnginePrimitive* const own = find_engine_primitive(action.primitive);
      if (own != nullptr) return own->schema;
      problems_
          .add(name, fmt::format("'{}' is asked of somebody: it needs a target", action.primitive))
          .hint = kTargets;
      return std::nullopt;
    }
    if (!check_target(place, action.target)) return std::nullopt;
    if (action.target.contains("step")) {
      const protocol::Primitive* const of_step = protocol::find_primitive(action.primitive);
      if (of_step == nullptr) return report("a step");
      return of_step->schema;
    }
    if (action.target.contains("service")) {
      const EnginePrimitive* const of_service = find_service_primitive(action.primitive);
      if (of_service == nullptr) return report("a service");
      return of_service->schema;
    }
    const auto names = object_primitive_names();
    if (std::find(names.begin(), names.end(), action.primitive) == names.end())
      return report("an object");
    return std::nullopt;
  }

  void check_arguments(const Node& name, const Node& at, RuleAction& action) {
    const Node& place = at.is_map() ? at : name;
    const auto schema = schema_of(name, place, action);
    if (!schema) return;
    for (const auto& problem :
         loader::validate(json::parse(*schema), action.args, holds_expression))
      problems_.add(place,
                    fmt::format("{}{}: {}", action.primitive, problem.pointer, problem.message));
  }

  void check_what_decides(const MapReader& map) {
    if (map.has("do") && map.has("strategy")) {
      problems_.add(*map.key("strategy"), "a rule has either 'do' or a strategy").hint =
          "remove one of them";
    } else if (!map.has("do") && !map.has("strategy")) {
      problems_.add(map.node().at, 1, "the rule does not say what it does").hint =
          "do: [{run_pipeline: {pipeline: NAME}}], or strategy: {uses: NAME}";
    }
    if (map.has("when") && map.has("strategy")) {
      problems_.add(*map.key("when"), "'when' is for 'do': the strategy decides").hint =
          "remove it";
    }
  }

  void read_allow(const MapReader& map, AgentRule& rule) {
    if (const Node* allow = map.get("allow")) {
      for (const Node* name : allow->items) {
        if (!name->is_scalar()) continue;  // reported
        check_known(*name);
        rule.allow.push_back(name->text);
      }
      for (const RuleAction& action : rule.actions) {
        if (std::find(rule.allow.begin(), rule.allow.end(), action.primitive) != rule.allow.end())
          continue;
        problems_
            .add(*allow, fmt::format("'do' asks for '{}', which is not allowed",
                                     printable(action.primitive)))
            .hint = "add it, or remove 'allow'";
      }
      return;
    }
    for (const RuleAction& action : rule.actions)
      if (std::find(rule.allow.begin(), rule.allow.end(), action.primitive) == rule.allow.end())
        rule.allow.push_back(action.primitive);
    if (!map.has("strategy") || map.has("allow")) return;
    const loader::PluginInfo* const plugin =
        rule.strategy ? reading_.catalog.find(rule.strategy->uses) : nullptr;
    std::string asks = "[NAME]";
    if (plugin != nullptr && plugin->primitives.is_array() && !plugin->primitives.empty())
      asks = plugin->primitives.dump();
    problems_
        .add(*map.key("strategy"),
             "the rule does not say which primitives its strategy may ask for")
        .hint = fmt::format("allow: {}", asks);
  }

  void read_goal(const Node& node, AgentRule& rule) {
    const MapReader map(node, agent_goal_fields(), problems_);
    RuleGoal goal;
    if (const Node* value = map.get("value")) {
      goal.value = value->text;
      check_expressions_of(*value, {"event", "metrics"}, true);
    }
    if (const Node* after = map.get("after")) goal.after_us = duration_of(*after);
    rule.goal = std::move(goal);
  }

  void read_guard(const Node& node, RuleGuard& guard) {
    const MapReader map(node, agent_guard_fields(), problems_);
    if (const Node* cooldown = map.get("cooldown")) guard.cooldown_us = duration_of(*cooldown);
    if (const Node* most = map.get("max_per_hour")) guard.max_per_hour = number_of(*most);
    if (const Node* deadline = map.get("deadline")) guard.deadline_us = duration_of(*deadline);
    if (const Node* mode = map.get("mode")) {
      guard.mode = mode->text == "recommend" ? RuleMode::recommend
                   : mode->text == "approve" ? RuleMode::approve
                                             : RuleMode::act;
    }
  }

  // --- expressions

  void refuse_expressions(const Node& node, std::string_view whose) {
    if (node.is_scalar() && has_expression(node.text)) {
      problems_.add(node, fmt::format("the configuration of {} cannot hold an expression", whose))
          .hint = "it is made before anything has happened: write the value";
    }
    for (const Node* each : node.items) refuse_expressions(*each, whose);
  }

  void check_all_expressions(const Node& node) {
    if (node.is_scalar() && has_expression(node.text))
      check_expressions_of(node, {"event", "see"}, false);
    for (const Node* each : node.items) check_all_expressions(*each);
  }

  /// `whole`: it is one expression, and nothing else.
  void check_expressions_of(const Node& node, const std::vector<std::string_view>& roots,
                            bool whole) {
    const Template parts = scan_template(node.text);
    const auto report = [&](std::size_t offset, std::size_t length,
                            std::string message) -> Diagnostic& {
      return problems_.add(locate(problems_.source(), node, offset), static_cast<int>(length),
                           std::move(message));
    };
    if (parts.problem) {
      report(parts.problem->offset, parts.problem->length, parts.problem->message).hint =
          parts.problem->hint;
      return;
    }
    if (whole && parts.single() == nullptr) {
      problems_.add(node, "this must be one expression").hint =
          fmt::format("\"${{{{ {} }}}}\"", printable(node.text));
      return;
    }
    for (const Piece& piece : parts.pieces) {
      if (!piece.is_expression) continue;
      const Analysis analysis = analyze(piece.text, [](const std::string&) { return true; });
      for (const ExpressionProblem& problem : analysis.problems)
        report(piece.offset + problem.offset, problem.length, problem.message).hint = problem.hint;
      for (const Use& use : analysis.references) {
        if (std::find(roots.begin(), roots.end(), use.root) != roots.end()) continue;
        report(piece.offset + use.offset, use.length,
               fmt::format("'{}' is not known here", use.root))
            .hint =
            "known are: " + join_or(std::vector<std::string>(roots.begin(), roots.end()), "and");
      }
      if (!analysis.problems.empty()) continue;
      if (const auto compiled = sandbox_.compile(analysis.lua); !compiled)
        report(piece.offset, piece.text.size(),
               "the expression does not parse: " + compiled.error().message);
    }
  }

  const Node& root_;
  const Reading& reading_;
  Problems& problems_;
  LuaSandbox sandbox_;
  RuleGuard usual_;
  AgentSpec out_;
};

}  // namespace

std::string to_text(AgentRuns runs) { return runs == AgentRuns::server ? "server" : "process"; }

std::string to_text(RuleMode mode) {
  return mode == RuleMode::act ? "act" : mode == RuleMode::recommend ? "recommend" : "approve";
}

AgentSpec read_agent_root(const Node& root, const Reading& reading, Problems& problems) {
  AgentSpec agent = AgentReader(root, reading, problems).read();
  agent.file = problems.source().file();
  return agent;
}

ReadAgentResult read_agent(const std::string& file, const std::string& text,
                           const loader::Catalog& catalog, const std::string& name_space) {
  ReadAgentResult result;
  result.errors = read_one(file, text, catalog, name_space, "agent",
                           [&](const Node& root, const Reading& reading, Problems& problems) {
                             AgentSpec agent = read_agent_root(root, reading, problems);
                             if (problems.empty())
                               result.agent = std::make_shared<const AgentSpec>(std::move(agent));
                           });
  return result;
}

}  // namespace scanflow::pipeline
