#include "engine/pipeline/expression.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <array>
#include <map>
#include <vector>

#include "engine/pipeline/expression_analysis.hpp"
#include "engine/pipeline/lua_sandbox.hpp"
#include "engine/pipeline/text.hpp"
#include "sdk/base/nearest.hpp"

namespace scanflow::pipeline {
namespace {

constexpr int kDeepestValue = 100;

std::string quoted(std::string_view expression) {
  const std::size_t first = expression.find_first_not_of(" \t\r\n");
  const std::size_t last = expression.find_last_not_of(" \t\r\n");
  if (first == std::string_view::npos) return "${{ }}";
  return fmt::format("${{{{ {} }}}}", printable(expression.substr(first, last - first + 1)));
}

std::string words(const ExpressionProblem& problem) {
  return problem.hint.empty() ? problem.message
                              : fmt::format("{} ({})", problem.message, problem.hint);
}

/// A value within text.
std::string inline_text(const json& value) {
  if (value.is_null()) return {};
  if (value.is_string()) return value.get<std::string>();
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// One call of evaluate: what its expressions may see.
class Evaluation {
 public:
  Evaluation(const Scope& scope, LuaSandbox& sandbox) : scope_(scope), sandbox_(sandbox) {}

  Result<json> value(const json& source, int depth) {
    if (depth > kDeepestValue) return fail("a value nested too deeply");
    if (source.is_string()) return text(source.get_ref<const std::string&>());
    if (source.is_array()) {
      json list = json::array();
      for (const json& element : source) {
        auto done = value(element, depth + 1);
        if (!done) return done;
        list.push_back(*std::move(done));
      }
      return list;
    }
    if (!source.is_object()) return source;
    json object = json::object();
    for (const auto& [key, element] : source.items()) {
      auto done = value(element, depth + 1);
      if (!done) return fail(fmt::format("{}: {}", key, done.error().message));
      object[key] = *std::move(done);
    }
    return object;
  }

  Result<json> text(const std::string& source) {
    if (!has_expression(source)) return source;
    const Template parts = scan_template(source);
    if (parts.problem) return fail(words(*parts.problem));
    if (const Piece* only = parts.single()) return expression(only->text);
    std::string out;
    for (const Piece& piece : parts.pieces) {
      if (!piece.is_expression) {
        out += piece.text;
        continue;
      }
      auto done = expression(piece.text);
      if (!done) return done;
      out += inline_text(*done);
    }
    return out;
  }

  Result<json> expression(std::string_view source) {
    const Analysis analysis =
        analyze(source, [this](const std::string& name) { return load_step(name); });
    if (!analysis.problems.empty()) {
      return fail(fmt::format("{}: {}", quoted(source), words(analysis.problems[0])));
    }
    const std::array<LuaSandbox::Variable, 8> variables{{{"params", &scope_.params},
                                                         {"steps", &steps_},
                                                         {"matrix", &scope_.matrix},
                                                         {"item", &scope_.item},
                                                         {"run", &scope_.run},
                                                         {"env", &scope_.env},
                                                         {"event", &scope_.event},
                                                         {"see", &scope_.see}}};
    auto done = sandbox_.evaluate(analysis.lua, variables, &scope_.metrics, &scope_.running);
    if (!done) return fail(fmt::format("{}: {}", quoted(source), done.error().message));
    return done;
  }

 private:
  /// Asks for a step once.
  bool load_step(const std::string& name) {
    if (steps_.contains(name)) return true;
    json value = scope_.step ? scope_.step(name) : json();
    if (value.is_null()) return false;
    steps_[name] = std::move(value);
    return true;
  }

  const Scope& scope_;
  json steps_ = json::object();
  LuaSandbox& sandbox_;
};

}  // namespace

bool is_dynamic(const json& value) {
  if (value.is_string()) return has_expression(value.get_ref<const std::string&>());
  if (!value.is_structured()) return false;
  for (const json& element : value) {
    if (is_dynamic(element)) return true;
  }
  return false;
}

bool refers_to(std::string_view text, std::string_view root) {
  const Template parts = scan_template(text);
  return std::any_of(parts.pieces.begin(), parts.pieces.end(), [&](const Piece& piece) {
    if (!piece.is_expression) return false;
    const Analysis analysis = analyze(piece.text, [](const std::string&) { return true; });
    return std::any_of(analysis.references.begin(), analysis.references.end(),
                       [&](const Use& use) { return use.root == root; });
  });
}

Result<void> check_expression(const std::string& text, const std::set<std::string>& step_names,
                              std::set<std::string>* uses) {
  const Template parts = scan_template(text);
  if (parts.problem) return fail(words(*parts.problem));
  const std::vector<std::string> names(step_names.begin(), step_names.end());
  LuaSandbox sandbox;
  for (const Piece& piece : parts.pieces) {
    if (!piece.is_expression) continue;
    const Analysis analysis = analyze(
        piece.text, [&](const std::string& name) { return step_names.count(name) > 0; },
        [&](const std::string& name) { return nearest(name, names); });
    if (!analysis.problems.empty()) {
      return fail(fmt::format("{}: {}", quoted(piece.text), words(analysis.problems[0])));
    }
    auto compiled = sandbox.compile(analysis.lua);
    if (!compiled) return fail(fmt::format("{}: {}", quoted(piece.text), compiled.error().message));
    if (uses == nullptr) continue;
    for (const Use& reference : analysis.references) {
      if (reference.root == "steps") uses->insert(reference.path[0].name);
    }
  }
  return {};
}

struct Evaluator::Impl {
  LuaSandbox sandbox;
};

Evaluator::Evaluator(const Limits& limits) : impl_(new Impl{LuaSandbox(limits)}) {}
Evaluator::~Evaluator() = default;

Result<json> Evaluator::evaluate(const json& value, const Scope& scope) {
  if (!is_dynamic(value)) return value;
  return Evaluation(scope, impl_->sandbox).value(value, 0);
}

Result<bool> Evaluator::condition(const std::string& text, const Scope& scope) {
  const Template parts = scan_template(text);
  if (parts.problem) return fail(words(*parts.problem));
  const Piece* only = parts.single();
  if (only == nullptr) {
    return fail(
        fmt::format("'{}' is not one expression: write \"${{{{ condition }}}}\"", printable(text)));
  }
  auto done = Evaluation(scope, impl_->sandbox).expression(only->text);
  if (!done) return fail(std::move(done.error().message));
  if (done->is_null()) return false;
  if (done->is_boolean()) return done->get<bool>();
  return fail(fmt::format("{}: gives {}, not true or false; compare it with something",
                          quoted(only->text), printable(done->dump())));
}

Result<json> evaluate(const json& value, const Scope& scope, const Limits& limits) {
  if (!is_dynamic(value)) return value;
  return Evaluator(limits).evaluate(value, scope);
}

Result<bool> evaluate_condition(const std::string& text, const Scope& scope, const Limits& limits) {
  return Evaluator(limits).condition(text, scope);
}

}  // namespace scanflow::pipeline
