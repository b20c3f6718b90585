// A Lua 5.4 state that can do no harm: no library that reaches outside, a ceiling on memory,
// instructions and time, and nothing that one expression leaves behind for the next.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>

#include "engine/pipeline/expression.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::pipeline {

/// For one thread. Building one costs some 20 us; evaluating in it about one.
class LuaSandbox {
 public:
  explicit LuaSandbox(const Limits& limits = {});
  ~LuaSandbox();
  LuaSandbox(const LuaSandbox&) = delete;
  LuaSandbox& operator=(const LuaSandbox&) = delete;

  /// Does it parse, as one expression?
  Result<void> compile(const std::string& lua);

  /// A global name and its value, which must outlive the call.
  using Variable = std::pair<const char*, const json*>;
  /// Each call has the limits anew. The error is Lua's words without a place. `metrics`,
  /// `running`: who answers what the expression asks of them; null: nobody.
  Result<json> evaluate(const std::string& lua, std::span<const Variable> scope,
                        const AskMetrics* metrics = nullptr, const AskRunning* running = nullptr);
  /// Did the last call end because it went over a limit?
  bool exceeded() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace scanflow::pipeline
