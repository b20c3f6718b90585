#include "engine/pipeline/plugin_checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "engine/pipeline/expression_lexer.hpp"
#include "engine/pipeline/text.hpp"
#include "engine/pipeline/yaml_values.hpp"
#include "sdk/base/nearest.hpp"
#include "sdk/loader/schema.hpp"

namespace scanflow::pipeline {
namespace {

const json& member(const json& object, const char* key) {
  static const json kNone;
  if (!object.is_object()) return kNone;
  const auto found = object.find(key);
  return found == object.end() ? kNone : *found;
}

bool is_expression(const json& value) {
  return value.is_string() && has_expression(value.get_ref<const std::string&>());
}

/// "/layers/0/size" as people write it: "layers[0].size".
std::string field_path(std::string_view pointer) {
  std::string out;
  while (!pointer.empty()) {
    pointer.remove_prefix(1);
    const std::size_t end = std::min(pointer.find('/'), pointer.size());
    std::string key(pointer.substr(0, end));
    pointer.remove_prefix(end);
    for (const auto& [escaped, plain] : {std::pair{"~1", "/"}, std::pair{"~0", "~"}}) {
      for (std::size_t at = 0; (at = key.find(escaped, at)) != std::string::npos; ++at) {
        key.replace(at, 2, plain);
      }
    }
    const bool index = !key.empty() && std::all_of(key.begin(), key.end(), is_digit);
    out += index ? "[" + key + "]" : "." + key;
  }
  return out;
}

class WithChecker {
 public:
  WithChecker(const StepDraft& draft, const loader::PluginInfo& plugin, Problems& problems)
      : draft_(draft),
        plugin_(plugin),
        problems_(problems),
        inputs_(member(plugin.input_schema, "properties")) {}

  void run() {
    json config = draft_.step.with;
    for (const auto& [key, value] : draft_.with) {
      if (is_input(key->text)) {
        check_input(*key, *value);
        config.erase(key->text);
      } else if (!is_known(key->text)) {
        report_unknown(*key);
        config.erase(key->text);
      }
    }
    check_missing();
    if (plugin_.id == "command") check_command(config);
    for (const auto& problem : loader::validate(plugin_.config_schema, config, is_expression)) {
      report(problem);
    }
  }

 private:
  bool is_input(const std::string& key) const {
    return inputs_.is_object() && inputs_.contains(key);
  }

  /// A misspelt input is no field of the configuration either: names of both are looked at.
  bool is_known(const std::string& key) const {
    const json& fields = member(plugin_.config_schema, "properties");
    const json& more = member(plugin_.config_schema, "additionalProperties");
    if (fields.is_object() && fields.contains(key)) return true;
    if (more.is_null()) return !fields.is_object();
    return more != json(false);
  }

  std::string schema_name() const { return fmt::format("schema of {}", plugin_.id); }

  void report_unknown(const Node& key) {
    std::vector<std::string> names;
    for (const json* schema : {&plugin_.config_schema, &plugin_.input_schema}) {
      const json& fields = member(*schema, "properties");
      if (!fields.is_object()) continue;
      for (const auto& [name, field] : fields.items()) names.push_back(name);
    }
    const std::string near = nearest(key.text, names);
    Diagnostic& problem = problems_.add(
        key, fmt::format("with: unknown field '{}' ({})", printable(key.text), schema_name()));
    if (!near.empty()) {
      problem.hint = fmt::format("did you mean '{}'?", near);
      misspelt_.insert(near);
    } else {
      problem.notes.push_back(names.empty()
                                  ? fmt::format("{} takes no configuration", plugin_.id)
                                  : fmt::format("{} takes: {}", plugin_.id, join_or(names, "and")));
    }
  }

  void check_input(const Node& key, const Node& value) {
    const bool expression = value.is_scalar() && scan_template(value.text).single() != nullptr;
    const bool broken = value.is_scalar() && scan_template(value.text).problem;  // reported there
    if (expression || broken || (value.is_scalar() && value.text.starts_with("models:/"))) return;
    problems_
        .add(value, fmt::format("with.{} is an input and needs an artifact, not {} ({})",
                                printable(key.text), describe_value(value), schema_name()))
        .hint = "\"${{ steps.NAME.artifacts.NAME }}\", or a registered model: models:/NAME@ALIAS";
  }

  void check_missing() {
    const json& required = member(plugin_.input_schema, "required");
    if (!required.is_array()) return;
    for (const json& name : required) {
      const auto& text = name.get_ref<const std::string&>();
      if (draft_.step.with.contains(text) || misspelt_.count(text) > 0) continue;
      const json& doc = member(member(inputs_, text.c_str()), "description");
      Diagnostic& problem = problems_.add(
          *draft_.uses, fmt::format("the input '{}' of {} is missing{}", text, plugin_.id,
                                    doc.is_string() ? " (" + doc.get<std::string>() + ")" : ""));
      problem.hint = fmt::format("with: {{{}: \"${{{{ steps.NAME.artifacts.NAME }}}}\"}}", text);
    }
  }

  /// What its schema cannot say.
  void check_command(const json& with) {
    const bool argv = with.contains("argv");
    const bool run = with.contains("run");
    if (argv == run) {
      problems_
          .add(*draft_.uses, argv ? "a command has either 'argv' or 'run'"
                                  : "a command without 'argv' or 'run' does nothing")
          .hint = "run: a script, or with: {argv: [program, argument, ...]}";
    } else if (argv && with.contains("shell")) {
      problems_.add(place("/shell"), 1, "'shell' is for scripts ('run'): 'argv' needs none").hint =
          "remove it";
    }
  }

  Location place(std::string pointer) const {
    for (;;) {
      const auto found = draft_.step.field_at.find("/with" + pointer);
      if (found != draft_.step.field_at.end()) return found->second;
      const std::size_t slash = pointer.rfind('/');
      if (slash == std::string::npos) return draft_.uses->at;
      pointer.resize(slash);
    }
  }

  /// The node at a pointer into `with`, for the width of the underline.
  const Node* node_at(Location at) const {
    for (const auto& [key, value] : draft_.with) {
      if (const Node* found = search(*value, at)) return found;
    }
    return nullptr;
  }
  static const Node* search(const Node& node, Location at) {
    if (node.at.line == at.line && node.at.column == at.column && node.is_scalar()) return &node;
    for (const Node* item : node.items) {
      if (const Node* found = search(*item, at)) return found;
    }
    return nullptr;
  }

  void report(const loader::SchemaProblem& found) {
    const Location at = place(found.pointer);
    const Node* node = node_at(at);
    std::string message =
        fmt::format("with{}: {} ({})", field_path(found.pointer), found.message, schema_name());
    Diagnostic& problem = problems_.add(at, node != nullptr ? problems_.source().width(*node) : 1,
                                        std::move(message));
    // "...; did you mean 'x'?" goes beside the caret.
    const std::size_t hint = problem.message.find("; did you mean");
    if (hint == std::string::npos) return;
    const std::size_t end = problem.message.find('?', hint) + 1;
    problem.hint = problem.message.substr(hint + 2, end - hint - 2);
    problem.message.erase(hint, end - hint);
  }

  const StepDraft& draft_;
  const loader::PluginInfo& plugin_;
  Problems& problems_;
  const json& inputs_;
  std::set<std::string> misspelt_;  // right names of unknown ones: not reported as missing too
};

}  // namespace

const loader::PluginInfo* find_plugin(const StepDraft& draft, const loader::Catalog& catalog,
                                      Problems& problems) {
  const std::string& id = draft.step.uses;
  if (id.empty()) return nullptr;  // reported by the reader
  const loader::PluginInfo* plugin = catalog.find(id);
  if (plugin != nullptr && plugin->kind == loader::Kind::step) return plugin;
  if (plugin != nullptr) {
    problems
        .add(*draft.uses,
             fmt::format("'{}' is a {} plugin, not a step", id, loader::name(plugin->kind)))
        .hint = "'scanflow plugin list' shows the kinds";
    return nullptr;
  }
  const auto ids = catalog.ids(loader::Kind::step);
  const std::string near = nearest(id, ids);
  Diagnostic& problem =
      problems.add(*draft.uses, fmt::format("unknown step plugin '{}'", printable(id)));
  if (!near.empty()) problem.hint = fmt::format("did you mean '{}'?", near);
  std::string where;
  for (const auto& directory : catalog.searched()) {
    where += (where.empty() ? "" : ", ") + directory.string();
  }
  problem.notes.push_back(
      where.empty() ? "no plugin directory was searched: only what is built in is known"
                    : fmt::format("looked in {} ({} plugins); 'scanflow plugin list' shows them",
                                  where, catalog.all().size()));
  for (const std::string& broken : catalog.problems()) problem.notes.push_back(broken);
  return nullptr;
}

void check_with(const StepDraft& draft, const loader::PluginInfo& plugin, Problems& problems) {
  if (!draft.node->is_map()) return;
  WithChecker(draft, plugin, problems).run();
}

}  // namespace scanflow::pipeline
