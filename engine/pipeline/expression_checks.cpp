#include "engine/pipeline/expression_checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "engine/pipeline/expression_analysis.hpp"
#include "engine/pipeline/text.hpp"
#include "sdk/base/nearest.hpp"

namespace scanflow::pipeline {
namespace {

using Role = ExpressionSite::Role;

std::string did_you_mean(std::string_view name, const std::vector<std::string>& names) {
  const std::string near = nearest(name, names);
  if (!near.empty()) return fmt::format("did you mean '{}'?", near);
  if (names.empty() || names.size() > 8) return {};
  return fmt::format("there is {}", join_or(names, "and"));
}

std::vector<std::string> keys_of(const json& object) {
  std::vector<std::string> names;
  if (!object.is_object()) return names;
  for (const auto& [name, value] : object.items()) names.push_back(name);
  return names;
}

class Checker {
 public:
  Checker(const ExpressionContext& context, Problems& problems)
      : drafts_(context.drafts),
        sites_(context.sites),
        table_(context.table),
        plugins_(context.plugins),
        calls_(context.pipeline.calls),
        problems_(problems) {
    for (const Param& param : context.pipeline.params) {
      params_.push_back(param.name);
      if (param.default_value) defaults_[param.name] = *param.default_value;
    }
  }

  void run() {
    for (std::uint32_t i = 0; i < drafts_.size(); ++i) {
      step_ = i;
      for (const ExpressionSite& site : drafts_[i].expressions) check_site(site);
    }
    step_ = kNone;
    for (const ExpressionSite& site : sites_) check_site(site);
    if (table_.cyclic) return;
    const auto answers = answer(table_, queries_);
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (!answers[i]) report_not_needed(queries_[i], places_[i]);
    }
  }

 private:
  struct Place {
    Location at;
    int width;
  };

  const StepDraft& draft() const {
    static const StepDraft kOfNoStep;
    return step_ == kNone ? kOfNoStep : drafts_[step_];
  }

  Place place(std::size_t offset, std::size_t length) const {
    const Location at = locate(problems_.source(), *node_, base_ + offset);
    const bool exact = at.line != node_->at.line || at.column != node_->at.column;
    const bool fits = exact || node_->plain;
    return {at, fits ? static_cast<int>(length) : problems_.source().width(*node_)};
  }

  Diagnostic& report(std::size_t offset, std::size_t length, std::string message) {
    const Place where = place(offset, length);
    return problems_.add(where.at, where.width, std::move(message));
  }

  void report(const ExpressionProblem& problem) {
    report(problem.offset, problem.length, problem.message).hint = problem.hint;
  }

  void check_site(const ExpressionSite& site) {
    node_ = site.node;
    base_ = 0;
    const Template parts = scan_template(node_->text);
    if (parts.problem) {
      Diagnostic& problem =
          report(parts.problem->offset, parts.problem->length, parts.problem->message);
      problem.hint = parts.problem->hint;
      if (node_->plain && parts.problem->message.starts_with("'${{'")) {
        problem.notes.emplace_back(
            "outside of quotes ' #' begins a comment in YAML: put it all "
            "into quotes");
      }
      return;
    }
    const bool whole =
        site.role == Role::when || site.role == Role::matrix || site.role == Role::for_each;
    if (whole && parts.single() == nullptr) {
      const char* field = site.role == Role::when     ? "'when'"
                          : site.role == Role::matrix ? "an axis"
                                                      : "'for_each'";
      problems_.add(*node_, fmt::format("{} must be one expression and nothing else", field)).hint =
          "write \"${{ ... }}\"";
      return;
    }
    for (const Piece& piece : parts.pieces) {
      if (piece.is_expression) check_expression(piece, site.role);
    }
  }

  void check_expression(const Piece& piece, Role role) {
    base_ = piece.offset;
    const Analysis analysis = analyze(
        piece.text, [this](const std::string& name) { return table_.by_name.count(name) > 0; },
        [this](const std::string& name) { return nearest(name, table_.names); });
    for (const Use& use : analysis.references) check_reference(use, role);
    for (const ExpressionProblem& problem : analysis.problems) {
      if (!is_rest_of_parameter(piece.text, problem)) report(problem);
    }
    if (!analysis.problems.empty()) return;
    const auto compiled = sandbox_.compile(analysis.lua);
    if (!compiled) {
      return report_whole(piece, "the expression does not parse: " + compiled.error().message);
    }
    try_constant(piece, analysis);
  }

  void report_whole(const Piece& piece, std::string message) {
    const std::size_t first = std::min(piece.text.find_first_not_of(" \t\r\n"), piece.text.size());
    const std::size_t last = piece.text.find_last_not_of(" \t\r\n") + 1;
    report(first, last - first, std::move(message));
  }

  /// What depends on nothing that a run makes is tried now: an expression that loops or fills the
  /// memory is found before anything runs. With defaults of parameters only that counts: given
  /// values may make the rest right, and are tried when the run is planned.
  void try_constant(const Piece& piece, const Analysis& analysis) {
    if (trials_ > kLongestTrials) return;
    for (const Use& use : analysis.references) {
      if (use.root != "params" || use.path.empty() || !defaults_.contains(use.path[0].name)) return;
    }
    const auto begin = std::chrono::steady_clock::now();
    const std::array<LuaSandbox::Variable, 1> scope{{{"params", &defaults_}}};
    const auto value = sandbox_.evaluate(analysis.lua, scope);
    trials_ += std::chrono::steady_clock::now() - begin;
    if (value || !(analysis.references.empty() || sandbox_.exceeded())) return;
    report_whole(piece, "the expression fails: " + value.error().message);
  }

  /// In "params.learning-rate" the "rate" that is unknown.
  bool is_rest_of_parameter(std::string_view text, const ExpressionProblem& problem) const {
    std::size_t begin = problem.offset;
    while (begin > 0 && (is_name_char(text[begin - 1]) || text[begin - 1] == '-')) --begin;
    constexpr std::string_view kParams = "params.";
    const std::string_view before = text.substr(0, begin);
    return before.ends_with(kParams) && begin < problem.offset && text[problem.offset - 1] == '-' &&
           std::find(params_.begin(), params_.end(),
                     text.substr(begin, text.find('-', begin) - begin)) == params_.end();
  }

  void check_reference(const Use& use, Role role) {
    if (use.root == "steps") return check_step(use, role);
    if (use.root == "item") return check_item(use, role);
    if (use.root == "metrics") return check_metrics(use, role);
    if (use.root == "event" || use.root == "see" || use.root == "runs") {
      report(use.offset, use.length,
             fmt::format("'{}' is known in the rules of an agent only", use.root));
      return;
    }
    if (use.path.empty() || !use.path[0].named) return;
    const Accessor& name = use.path[0];
    if (use.root == "params") {
      if (std::find(params_.begin(), params_.end(), name.name) == params_.end()) {
        report_parameter(name);
      }
    } else if (use.root == "matrix") {
      check_axis(name, role);
    } else if (use.root == "run") {
      static const std::vector<std::string> kFields{
          "id", "name", "namespace", "started", "scheduled_at", "status", "failed"};
      if (std::find(kFields.begin(), kFields.end(), name.name) != kFields.end()) return;
      report(name.offset, name.length, fmt::format("a run has no '{}'", name.name)).hint =
          did_you_mean(name.name, kFields);
    }
  }

  /// A name with hyphens is meant as a whole.
  void report_parameter(const Accessor& name) {
    const std::string_view text = std::string_view(node_->text).substr(base_);
    std::size_t end = name.offset + name.length;
    while (end + 1 < text.size() && text[end] == '-' && is_name_char(text[end + 1])) {
      ++end;
      while (end < text.size() && is_name_char(text[end])) ++end;
    }
    const std::string whole(text.substr(name.offset, end - name.offset));
    report(name.offset, whole.size(), fmt::format("unknown parameter '{}'", whole)).hint =
        did_you_mean(whole, params_);
  }

  void check_item(const Use& use, Role role) {
    if (draft().step.for_each.is_null()) {
      report(use.offset, use.length, "this step has no for_each").hint =
          "add one, or use 'matrix' or 'params'";
    } else if (role == Role::for_each) {
      report(use.offset, use.length, "'for_each' cannot depend on its own items");
    }
  }

  /// Known once something has run.
  void check_metrics(const Use& use, Role role) {
    if (role != Role::matrix && role != Role::group) return;
    report(use.offset, use.length,
           role == Role::group
               ? "the group is known before any step runs: there are no metrics yet"
               : "a matrix is expanded before any step runs: there are no metrics yet")
        .hint = role == Role::group ? "it sees 'params' only" : "axes see 'params' only";
  }

  void check_axis(const Accessor& name, Role role) {
    std::vector<std::string> axes;
    for (const Axis& axis : draft().step.matrix) axes.push_back(axis.name);
    for (const json& added : draft().step.include) {
      for (const auto& [key, value] : added.items()) {
        if (std::find(axes.begin(), axes.end(), key) == axes.end()) axes.push_back(key);
      }
    }
    if (axes.empty()) {
      report(name.offset, name.length, "this step has no matrix").hint = "add one, or use 'params'";
    } else if (role == Role::matrix) {
      report(name.offset, name.length, "an axis cannot depend on another one").hint =
          "axes see 'params' only";
    } else if (std::find(axes.begin(), axes.end(), name.name) == axes.end()) {
      report(name.offset, name.length, fmt::format("unknown axis '{}'", name.name)).hint =
          did_you_mean(name.name, axes);
    }
  }

  void check_step(const Use& use, Role role) {
    const Accessor& name = use.path[0];
    if (role == Role::matrix || role == Role::group) {
      report(use.offset, use.length,
             role == Role::group ? "the group is known before any step runs"
                                 : "a matrix cannot depend on steps: it is expanded before any "
                                   "runs")
          .hint = role == Role::group ? "it sees 'params' only" : "axes see 'params' only";
      return;
    }
    const std::uint32_t target = table_.by_name.at(name.name);
    if (step_ == kNone) return check_results(use, target);  // after all steps
    const Phase from = draft().step.phase;
    const Phase to = drafts_[target].step.phase;
    if (target == step_) {
      report(name.offset, name.length, "a step cannot use its own results").hint =
          "use those of a step that it needs";
      return;
    }
    // Handlers come after all main steps.
    if (from == Phase::main || to != Phase::main) {
      queries_.push_back({step_, target});
      places_.push_back(place(use.offset, name.offset + name.length - use.offset));
    }
    check_results(use, target);
  }

  void report_not_needed(const NeedQuery& query, const Place& where) {
    const StepDraft& step = drafts_[query.step];
    const StepDraft& target = drafts_[query.target];
    Diagnostic& problem = problems_.add(
        where.at, where.width,
        fmt::format("'{}' uses the step '{}' but does not need it: it may not have run yet",
                    step.step.name, target.step.name));
    std::string needs;
    for (const std::string& need : step.step.needs) needs += need + ", ";
    problem.hint = step.step.phase == target.step.phase
                       ? fmt::format("add it: needs: [{}{}]", needs, target.step.name)
                       : "steps of other handlers cannot be used";
  }

  /// steps.NAME.FIELD...: is there such a field, by the plugin's output schema?
  void check_results(const Use& use, std::uint32_t target) {
    const Step& step = drafts_[target].step;
    const bool listed = !step.matrix.empty() || !step.for_each.is_null();
    const char* const why = step.matrix.empty() ? "for_each" : "matrix";
    std::size_t next = 1;
    if (use.path.size() > 1) {
      const Accessor& first = use.path[1];
      if (listed && first.named) {
        report(first.offset, first.length,
               fmt::format("'{}' has a {}: steps.{} is a list of its instances", use.path[0].name,
                           why, use.path[0].name))
            .hint = "use best(...), worst(...), collect(...) or [1]";
        return;
      }
      if (!listed && !first.named) {
        report(first.offset, first.length,
               fmt::format("'{}' has no matrix or for_each: it is not a list", use.path[0].name))
            .hint = "leave the index out";
        return;
      }
      if (listed) next = 2;
    }
    check_fields(use.path, next, target);
    if (listed && !use.helper_path.empty()) {
      check_fields(use.helper_path, 0, target);
      check_fields(use.result_path, 0, target);
    }
  }

  void check_fields(const std::vector<Accessor>& path, std::size_t next, std::uint32_t target) {
    if (next >= path.size() || !path[next].named) return;
    const Accessor& field = path[next];
    static const std::vector<std::string> kFields{"outputs", "artifacts", "status",
                                                  "seconds", "matrix",    "item"};
    if (std::find(kFields.begin(), kFields.end(), field.name) == kFields.end()) {
      report(field.offset, field.length, fmt::format("a step has no '{}'", field.name)).hint =
          did_you_mean(field.name, kFields);
      return;
    }
    if (next + 1 >= path.size() || !path[next + 1].named) return;
    if (plugins_[target] != nullptr) check_output(field.name, path[next + 1], *plugins_[target]);
    const auto called = calls_.find(drafts_[target].step.call);
    if (called != calls_.end()) check_called(field.name, path[next + 1], *called->second);
  }

  /// What a called pipeline gives is an output or an artifact, by its value.
  void check_called(const std::string& kind, const Accessor& name, const Pipeline& called) {
    if (kind != "outputs" && kind != "artifacts") return;
    if (called.outputs.contains(name.name)) return;
    const std::vector<std::string> names = keys_of(called.outputs);
    report(name.offset, name.length,
           fmt::format("the pipeline '{}' has no output '{}'", called.name, name.name))
        .hint = names.empty() ? "it has no 'outputs'" : did_you_mean(name.name, names);
  }

  void check_output(const std::string& kind, const Accessor& name,
                    const loader::PluginInfo& plugin) {
    const json& schema = plugin.output_schema;
    if (!schema.is_object() || plugin.id == "command" || plugin.id == "noop") return;
    std::vector<std::string> names;
    if (kind == "outputs" && schema.contains("properties")) {
      if (schema.value("additionalProperties", json(false)) != json(false)) return;
      names = keys_of(schema["properties"]);
      names.emplace_back("summary");  // of every step, for people
    } else if (kind == "artifacts" && schema.contains("x-artifacts")) {
      names = keys_of(schema["x-artifacts"]);
    } else {
      return;
    }
    if (std::find(names.begin(), names.end(), name.name) != names.end()) return;
    Diagnostic& problem = report(name.offset, name.length,
                                 fmt::format("{} has no {} '{}'", plugin.id,
                                             kind == "outputs" ? "output" : "artifact", name.name));
    problem.hint = did_you_mean(name.name, names);
  }

  static constexpr std::uint32_t kNone = 0xffffffffu;
  const std::vector<StepDraft>& drafts_;
  const std::vector<ExpressionSite>& sites_;
  const StepTable& table_;
  const std::vector<const loader::PluginInfo*>& plugins_;
  const std::map<std::string, std::shared_ptr<const Pipeline>>& calls_;
  Problems& problems_;
  std::vector<std::string> params_;
  json defaults_ = json::object();  // of those that have one
  std::chrono::steady_clock::duration trials_{};
  static constexpr std::chrono::seconds kLongestTrials{2};
  std::vector<NeedQuery> queries_;
  std::vector<Place> places_;  // of queries_
  LuaSandbox sandbox_;
  std::uint32_t step_ = 0;
  const Node* node_ = nullptr;
  std::size_t base_ = 0;  // of the expression in the node's text
};

}  // namespace

Location locate(const Source& source, const Node& node, std::size_t offset) {
  const std::string_view file = source.text();
  const std::size_t begin = source.offset(node.at);
  const std::size_t inside = begin + (node.plain ? 0 : 1);
  if (file.substr(std::min(inside, file.size())).starts_with(node.text)) {
    return source.location(inside + offset);
  }
  // Written with escapes or over several lines: look for the line that holds the byte.
  const std::string_view text = node.text;
  std::size_t first = text.rfind('\n', offset == 0 ? 0 : offset - 1);
  first = first == std::string_view::npos ? 0 : first + 1;
  std::string_view line = text.substr(first, text.find('\n', first) - first);
  const std::size_t blank = line.find_first_not_of(' ');
  if (blank == std::string_view::npos || first + blank > offset) return node.at;
  line.remove_prefix(blank);
  const std::string_view window = file.substr(begin, text.size() * 2 + 1000);
  const std::size_t found = window.find(line);
  if (found == std::string_view::npos) return node.at;
  return source.location(begin + found + (offset - first - blank));
}

void check_expressions(const ExpressionContext& context, Problems& problems) {
  Checker(context, problems).run();
}

}  // namespace scanflow::pipeline
