// ${{ ... }}: expressions of Lua 5.4 in a sandbox. Evaluated off the engine's strand; results are
// recorded.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>

#include "engine/pipeline/metric_query.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::pipeline {

using nlohmann::json;

/// What an expression may look at.
struct Scope {
  json params = json::object();
  json matrix = nullptr;
  json item = nullptr;        // of a for_each
  json run = json::object();  // id, name, namespace, started, ... as README.md lists them
  json env = json::object();
  /// `steps.NAME`: {"outputs", "artifacts", "status", "seconds"}, and "matrix"; for a step with a
  /// matrix an array of those. Null: no such step. Called only for names that the expression uses.
  std::function<json(const std::string& name)> step;
  // Of an agent's rule: what its trigger saw, and what it asked to see then.
  json event = nullptr, see = nullptr;
  /// Answers `metrics.last("loss")` and its like; empty: to ask is an error.
  AskMetrics metrics;
  /// Answers `runs.running("mnist")`, in an agent's rule; empty: to ask is an error.
  AskRunning running;
};

struct Limits {
  std::uint64_t instructions = 1'000'000;
  std::uint64_t bytes = 16 << 20;
  std::int64_t time_us = 500'000;  // of CPU
};

/// Does the text hold ${{ ... }}? Does any string in the value?
bool is_dynamic(const json& value);

/// Does an expression in the text look at `root` ("item", "matrix", ...)?
bool refers_to(std::string_view text, std::string_view root);

/// Compiles every expression in `text` without running it: syntax, names out of scope (with the
/// nearest right one). `step_names`: those that exist; hyphenated ones are rewritten. Adds the
/// steps it uses to `uses`.
Result<void> check_expression(const std::string& text, const std::set<std::string>& step_names,
                              std::set<std::string>* uses);

/// Replaces each ${{ ... }} in the strings of `value`. A string that is one expression keeps the
/// type of its value; text around it makes a string (null becomes "", objects and lists JSON). An
/// error says which expression, and why.
Result<json> evaluate(const json& value, const Scope& scope, const Limits& limits = {});

/// For `when`: false and null are false, everything else but a bool is an error that says so.
Result<bool> evaluate_condition(const std::string& text, const Scope& scope,
                                const Limits& limits = {});

/// The same for many values: keeps its Lua state (some 25 us to make) between them. Nothing that
/// one expression does is seen by the next. For one thread.
class Evaluator {
 public:
  explicit Evaluator(const Limits& limits = {});
  ~Evaluator();
  Evaluator(const Evaluator&) = delete;
  Evaluator& operator=(const Evaluator&) = delete;

  Result<json> evaluate(const json& value, const Scope& scope);
  Result<bool> condition(const std::string& text, const Scope& scope);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace scanflow::pipeline
