#include "engine/pipeline/constants.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/pipeline/expression.hpp"
#include "engine/pipeline/expression_analysis.hpp"
#include "engine/pipeline/yaml_values.hpp"

namespace scanflow::pipeline {
namespace {

constexpr std::size_t kMost = 20;  // problems that are reported

/// Does every expression of the text look at params only?
bool is_constant(std::string_view text) {
  const Template parts = scan_template(text);
  if (parts.problem) return false;
  return std::all_of(parts.pieces.begin(), parts.pieces.end(), [](const Piece& piece) {
    if (!piece.is_expression) return true;
    const Analysis analysis = analyze(piece.text, [](const std::string&) { return true; });
    return analysis.problems.empty() &&
           std::all_of(analysis.references.begin(), analysis.references.end(),
                       [](const Use& use) { return use.root == "params"; });
  });
}

class Trial {
 public:
  Trial(const Pipeline& pipeline, const json& params) : pipeline_(pipeline) {
    scope_.params = params;
  }

  std::vector<std::string> run() {
    for (const Step& step : pipeline_.steps) {
      step_ = &step;
      try_values(step.with, "/with");
      for (const auto& [name, text] : step.env) try_text(text, child_pointer("/env", name));
      if (has_expression(step.when) && is_constant(step.when)) {
        note(evaluator_.condition(step.when, scope_), "/when");
      }
      if (problems_.size() >= kMost) break;
    }
    return std::move(problems_);
  }

 private:
  void try_values(const json& value, const std::string& pointer) {
    if (value.is_string()) return try_text(value.get_ref<const std::string&>(), pointer);
    if (value.is_array()) {
      for (std::size_t i = 0; i < value.size(); ++i) {
        if (value[i].is_structured() || value[i].is_string()) {
          try_values(value[i], pointer + "/" + std::to_string(i));
        }
      }
    } else if (value.is_object()) {
      for (const auto& [key, element] : value.items()) {
        try_values(element, child_pointer(pointer, key));
      }
    }
  }

  void try_text(const std::string& text, const std::string& pointer) {
    if (has_expression(text) && is_constant(text)) note(evaluator_.evaluate(text, scope_), pointer);
  }

  template <class T>
  void note(const Result<T>& result, const std::string& pointer) {
    if (result) return;
    std::string field = pointer.substr(1);
    std::replace(field.begin(), field.end(), '/', '.');
    const auto found = step_->field_at.find(pointer);
    const Location at = found != step_->field_at.end() ? found->second : step_->at;
    problems_.push_back(fmt::format("{}:{}:{}: {} of '{}': {}", pipeline_.file, at.line, at.column,
                                    field, step_->name, result.error().message));
  }

  const Pipeline& pipeline_;
  Scope scope_;
  Evaluator evaluator_;
  const Step* step_ = nullptr;
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<std::string> constant_problems(const Pipeline& pipeline, const json& params) {
  return Trial(pipeline, params).run();
}

}  // namespace scanflow::pipeline
