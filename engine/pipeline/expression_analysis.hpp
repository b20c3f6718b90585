// What an expression uses, and its form for Lua.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/pipeline/expression_lexer.hpp"

namespace scanflow::pipeline {

/// `.name`, `['name']` (named) or `[1]` and `[anything]` (not named).
struct Accessor {
  std::string name;
  bool named = true;
  std::size_t offset = 0;
  std::size_t length = 0;
};

/// A use of params, steps, matrix, item, run, env or metrics, with what follows it as far as it is literal.
struct Use {
  std::string root;
  std::vector<Accessor> path;  // of steps: the step's name first
  /// Of best(steps.x, 'outputs.y').artifacts.z (and worst, collect): the literal path, and what
  /// follows the call.
  std::vector<Accessor> helper_path, result_path;
  std::size_t offset = 0;
  std::size_t length = 0;
};

struct Analysis {
  std::string lua;  // the expression with steps.NAME as steps["NAME"]
  std::vector<Use> references;
  std::vector<ExpressionProblem> problems;  // offsets into the expression
};

/// Names out of scope, writes, step names. `step_exists` tells which `steps.NAME` are right;
/// `nearest_step` gives a hint for those that are not (may be empty).
Analysis analyze(std::string_view expression,
                 const std::function<bool(const std::string&)>& step_exists,
                 const std::function<std::string(const std::string&)>& nearest_step = {});

/// Every global name of an expression: what the sandbox offers and what a Scope has.
const std::vector<std::string>& global_names();

}  // namespace scanflow::pipeline
