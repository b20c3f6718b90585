#include "engine/pipeline/step_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "engine/pipeline/env_reader.hpp"
#include "engine/pipeline/expression_lexer.hpp"
#include "engine/pipeline/matrix_reader.hpp"
#include "engine/pipeline/pod_reader.hpp"
#include "engine/pipeline/policy_reader.hpp"
#include "engine/pipeline/text.hpp"
#include "engine/pipeline/yaml_values.hpp"
#include "sdk/base/nearest.hpp"

namespace scanflow::pipeline {
namespace {

using Role = ExpressionSite::Role;
using Entries = std::vector<std::pair<const Node*, const Node*>>;

/// The entries of `over` on top of those of `base`, in the order of their first mention.
Entries merge(const Node* base, const Node* over) {
  Entries out;
  for (const Node* map : {base, over}) {
    for (std::size_t i = 0; map != nullptr && i + 1 < map->items.size(); i += 2) {
      const Node* key = map->items[i];
      if (!key->is_scalar()) continue;
      const auto same = [&](const auto& entry) { return entry.first->text == key->text; };
      const auto found = map == base ? out.end() : std::find_if(out.begin(), out.end(), same);
      if (found == out.end()) {
        out.emplace_back(key, map->items[i + 1]);
      } else {
        *found = {key, map->items[i + 1]};
      }
    }
  }
  return out;
}

class StepReader {
 public:
  StepReader(const Node& node, const MapReader* defaults, Phase phase, Problems& problems)
      : problems_(problems), own_(node, step_fields(), problems), defaults_(defaults) {
    draft_.node = &node;
    draft_.uses = &node;
    step_.at = node.at;
    step_.phase = phase;
  }

  StepDraft run() {
    read_name();
    read_needs();
    read_uses();
    read_with();
    if (const Node* matrix = get("matrix"))
      read_matrix(*matrix, step_, draft_.expressions, problems_);
    read_for_each();
    read_when();
    read_env();
    read_secrets();
    read_policies();
    note_places();
    draft_.step = std::move(step_);
    return std::move(draft_);
  }

 private:
  /// Of the step, else of the defaults. Kinds of values in defaults are checked here, too.
  const Node* get(std::string_view field) const {
    const Node* own = own_.get(field);
    return own != nullptr || own_.key(field) != nullptr ? own : inherited(field);
  }
  const Node* inherited(std::string_view field) const {
    return defaults_ == nullptr ? nullptr : defaults_->get(field);
  }

  template <class Read>
  void layered(std::string_view field, Read read) {
    for (const Node* node : {inherited(field), own_.get(field)}) {
      if (node != nullptr) read(*node);
    }
  }

  void read_name() {
    const Node* name = own_.get("name");
    if (name == nullptr) return;
    step_.name = name->text;
    step_.at = name->at;
    if (is_label(name->text)) return;
    problems_.add(*name, fmt::format("'{}' is not a step's name", printable(name->text))).hint =
        std::string(kLabelRule);
  }

  void read_needs() {
    const Node* needs = own_.get("needs");
    if (needs == nullptr) return;
    const auto add = [&](const Node& node) {
      if (!node.is_scalar()) return;
      step_.needs.push_back(node.text);
      draft_.needs.push_back(&node);
    };
    if (needs->is_scalar()) return add(*needs);
    for (const Node* node : needs->items) add(*node);
  }

  void read_call(const Node& call) {
    draft_.call = &call;
    step_.uses = "pipeline";
    step_.call = call.text;
    if (has_expression(call.text)) {
      problems_.add(call, "'pipeline' cannot hold an expression").hint =
          "name the pipeline; choose between steps by 'when'";
    } else if (call.text.empty()) {
      problems_.add(call, "'pipeline' is empty").hint = "name a file, or a registered pipeline";
    }
    for (const char* field :
         {"uses", "run", "shell", "cwd", "env", "secrets", "cache", "resources", "image", "command",
          "args", "pod_template", "placement", "reuse", "volumes", "replicas"}) {
      if (own_.get(field) == nullptr) continue;
      problems_
          .add(*own_.key(field), fmt::format("a step that calls a pipeline has no '{}'", field))
          .hint = "the steps of that pipeline have their own";
    }
  }

  void read_uses() {
    if (const Node* call = own_.get("pipeline")) return read_call(*call);
    const Node* own_run = own_.get("run");
    const Node* own_uses = own_.get("uses");
    if (read_command(own_run != nullptr ? own_run : own_uses)) return;
    const Node* run = own_run != nullptr || own_uses != nullptr ? own_run : inherited("run");
    const Node* uses = own_run != nullptr || own_uses != nullptr ? own_uses : inherited("uses");
    run_ = run;
    if (uses != nullptr) {
      draft_.uses = uses;
      step_.uses = uses->text;
      if (has_expression(uses->text)) {
        problems_.add(*uses, "'uses' cannot hold an expression").hint =
            "name the plugin; choose between steps by 'when'";
        step_.uses.clear();
      } else if (run != nullptr && step_.uses != "command") {
        const Node& at = own_run != nullptr ? *own_.key("run") : *run;
        problems_.add(at, "a step has either 'uses' or 'run'").hint =
            "'run' is short for uses: command";
      }
      return;
    }
    if (run != nullptr) {
      draft_.uses = run;
      step_.uses = "command";
    } else if (draft_.node->is_map() && !does_something()) {
      problems_.add(draft_.node->at, 1, "a step without 'uses' or 'run' does nothing").hint =
          "add uses: PLUGIN or run: SCRIPT (or uses: noop)";
    }
  }

  /// `command` and `args`: short for uses: command with argv. `other`: what else it says it does.
  bool read_command(const Node* other) {
    const Node* own = own_.get("command");
    command_ = own != nullptr || other != nullptr ? own : inherited("command");
    if (own != nullptr && other != nullptr)
      problems_.add(*own_.key("command"), "a step has one of 'uses', 'run' and 'command'");
    if (command_ == nullptr || other != nullptr) {
      if (own_.get("args") != nullptr && own == nullptr)
        problems_.add(*own_.key("args"), "'args' goes with 'command'");
      command_ = nullptr;
      return false;
    }
    draft_.uses = command_;
    step_.uses = "command";
    return true;
  }

  void set_command() {
    if (step_.with.contains("argv")) {
      problems_.add(*command_, "the program is given twice: here and as with.argv");
      return;
    }
    json& argv = step_.with["argv"] = json::array();
    for (const Node* words : {command_, get("args")}) {
      if (words == nullptr || !words->is_list()) continue;
      for (const Node* word : words->items) argv.push_back(word->text);
      find_expressions(*words, Role::with);
    }
    step_.field_at["/with/argv"] = command_->at;
  }

  bool does_something() const {
    const auto& fields = step_fields().fields;
    return std::any_of(fields.begin(), fields.end(), [&](const Field& field) {
      return field.work && (own_.has(field.name) || get(field.name) != nullptr);
    });
  }

  /// `run`, `shell` and `cwd` of the step are short for the same in `with`.
  void read_with() {
    draft_.with = merge(draft_.call == nullptr ? inherited("with") : nullptr, own_.get("with"));
    for (const auto& [key, value] : draft_.with) set_with(key->text, *key, *value);
    if (run_ != nullptr && step_.uses == "command") set_sugar("run", *run_);
    if (command_ != nullptr) set_command();
    if (step_.uses == "command") spell_out_arguments();
    for (const char* field : {"shell", "cwd"}) {
      const Node* node = draft_.call == nullptr ? get(field) : nullptr;
      if (node == nullptr) continue;
      // A default for steps that are scripts.
      if (command_ != nullptr && field == std::string_view("shell") && !own_.has(field)) continue;
      if (step_.uses != "command" && !step_.uses.empty()) {
        if (own_.get(field) == nullptr) continue;  // a default for other steps
        problems_.add(*own_.key(field), fmt::format("'{}' is for 'run' and uses: command", field));
        continue;
      }
      set_sugar(field, *node);
    }
    step_.with_is_dynamic =
        std::any_of(draft_.expressions.begin(), draft_.expressions.end(),
                    [](const ExpressionSite& site) { return site.role == Role::with; });
  }

  /// argv: [sleep, 1]: arguments are text, as written.
  void spell_out_arguments() {
    for (const auto& [key, value] : draft_.with) {
      if (key->text != "argv" || !value->is_list()) continue;
      json& argv = step_.with["argv"];
      for (std::size_t i = 0; i < value->items.size(); ++i) {
        if (value->items[i]->is_scalar()) argv[i] = value->items[i]->text;
      }
    }
  }

  void set_sugar(const std::string& field, const Node& node) {
    if (step_.with.contains(field)) {
      problems_.add(node, fmt::format("'{0}' is given twice: here and as with.{0}", field));
      return;
    }
    set_with(field, node, node);
  }

  void set_with(const std::string& name, const Node& key, const Node& value) {
    if (has_expression(key.text) && &key != &value) {
      problems_.add(key, "a name in 'with' cannot hold an expression");
    }
    step_.with[name] = to_json(value, problems_, child_pointer("/with", name), step_.field_at);
    find_expressions(value, Role::with);
  }

  void find_expressions(const Node& node, Role role) {
    pipeline::find_expressions(node, role, draft_.expressions);
  }

  void read_for_each() {
    const Node* list = get("for_each");
    const Node* limit = get("max_parallel");
    if (limit != nullptr) step_.max_parallel = static_cast<std::uint32_t>(number_of(*limit));
    if (list == nullptr) return;
    if (get("matrix") != nullptr) {
      problems_.add(*list, "a step has either 'matrix' or 'for_each'").hint =
          "let the items of the list be the combinations";
      return;
    }
    if (list->is_list()) {
      find_expressions(*list, Role::with);
      step_.for_each = to_json(*list, problems_);
    } else {
      step_.for_each = list->text;
      draft_.expressions.push_back({list, Role::for_each});
    }
  }

  void read_when() {
    const Node* when = get("when");
    if (when == nullptr) return;
    step_.when = when->text;
    draft_.expressions.push_back({when, Role::when});
  }

  void read_secrets() {
    if (draft_.call != nullptr) return;
    for (const auto& [key, value] : merge(inherited("secrets"), own_.get("secrets"))) {
      check_variable(*key, problems_);
      read_secret(*value, step_.secrets[key->text], problems_);
      step_.field_at[child_pointer("/secrets", key->text)] = key->at;
    }
  }

  void read_env() {
    if (draft_.call != nullptr) return;
    for (const auto& [key, value] : merge(inherited("env"), own_.get("env"))) {
      check_variable(*key, problems_);
      if (!check_variable_value(*key, *value, problems_)) continue;
      step_.env[key->text] = value->text;
      step_.field_at[child_pointer("/env", key->text)] = value->at;
      find_expressions(*value, Role::env);
    }
  }

  void read_policies() {
    layered("retry", [&](const Node& n) { read_retry(n, step_.retry, problems_); });
    if (draft_.call == nullptr) {
      layered("sidecar", [&](const Node& n) { read_sidecar(n, step_.sidecar, problems_); });
      layered("cache", [&](const Node& n) { read_cache(n, step_.cache, problems_); });
      layered("reuse", [&](const Node& n) { read_reuse(n, step_.reuse, problems_); });
      layered("pod_template", [&](const Node& n) { read_pod_template(n, step_.pod, problems_); });
      if (const Node* placement = get("placement"))
        read_placement(*placement, step_.pod, problems_);
      if (const Node* volumes = get("volumes")) read_volumes(*volumes, step_.volumes, problems_);
      if (const Node* image = get("image")) read_image(*image);
      read_replicas();
      layered("resources", [&](const Node& n) { read_resources(n, step_.resources, problems_); });
    }
    if (const Node* timeout = get("timeout")) step_.timeout_us = duration_of(*timeout);
    if (const Node* priority = get("priority")) {
      step_.priority = static_cast<std::int32_t>(number_of(*priority));
    }
    if (const Node* pool = get("pool")) read_pool(*pool, step_.pool, problems_);
    if (const Node* allow = get("allow_failure")) step_.allow_failure = is_true(*allow);
    if (const Node* approve = get("approve")) {
      read_approval(*approve, step_.approve, problems_);
      find_expressions(*approve, Role::approve);
    }
  }

  void read_replicas() {
    const Node* replicas = get("replicas");
    if (replicas == nullptr) return;
    step_.replicas = static_cast<std::uint32_t>(number_of(*replicas));
    if (!step_.uses.empty() && step_.uses != "noop") return;
    step_.replicas = 1;
    if (const Node* own = own_.key("replicas"); own != nullptr)
      problems_.add(*own, "a step that does no work has no 'replicas'").hint = "leave it out";
  }

  void read_image(const Node& image) {
    step_.image = image.text;
    if (has_expression(image.text))
      problems_.add(image, "'image' cannot hold an expression").hint = "name the image";
  }

  void note_places() {
    for (const Field& field : step_fields().fields) {
      const Node* node = get(field.name);
      if (node != nullptr) step_.field_at[child_pointer({}, field.name)] = node->at;
    }
    for (std::size_t i = 0; i < draft_.needs.size(); ++i) {
      step_.field_at["/needs/" + std::to_string(i)] = draft_.needs[i]->at;
    }
    for (const Axis& axis : step_.matrix) {
      step_.field_at[child_pointer("/matrix", axis.name)] = axis.at;
    }
  }

  Problems& problems_;
  MapReader own_;
  const MapReader* defaults_;
  const Node* run_ = nullptr;
  const Node* command_ = nullptr;
  Step step_;
  StepDraft draft_;
};

}  // namespace

void find_expressions(const Node& node, Role role, std::vector<ExpressionSite>& sites) {
  if (node.is_scalar()) {
    if (has_expression(node.text)) sites.push_back({&node, role});
    return;
  }
  const std::size_t stride = node.is_map() ? 2 : 1;
  for (std::size_t i = stride - 1; i < node.items.size(); i += stride) {
    find_expressions(*node.items[i], role, sites);
  }
}

StepDraft read_step(const Node& node, const MapReader* defaults, Phase phase, Problems& problems) {
  return StepReader(node, defaults, phase, problems).run();
}

}  // namespace scanflow::pipeline
