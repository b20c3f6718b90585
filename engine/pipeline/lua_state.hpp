// The limits of a sandbox, as its C functions see them. Lua is built as C++ here: an error is an
// exception, so C++ objects on the way are destroyed.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <lua.hpp>
#include <nlohmann/json.hpp>

#include "engine/pipeline/expression.hpp"

namespace scanflow::pipeline {

/// One per state, found from it by `of`.
struct LuaBudget {
  using Clock = std::chrono::steady_clock;

  explicit LuaBudget(const Limits& l) : limits(l) {}

  Limits limits;
  std::uint64_t instructions = 0;
  Clock::time_point deadline;           // of the wall: a cheap look, before CPU time is asked for
  std::int64_t cpu_end_us = 0;          // of this thread
  std::size_t lua_bytes = 0;            // held by Lua
  std::size_t kept_bytes = 0;           // held by `kept`, about
  std::deque<json> kept;                // values made while evaluating; proxies point into them
  const AskMetrics* metrics = nullptr;  // who answers, in this evaluation
  const AskRunning* running = nullptr;  // the same
  enum class Breach { none, instructions, bytes, time } breach = Breach::none;

  static LuaBudget& of(lua_State* state);
  void restart();
  /// Raises a Lua error when the time is over: CPU time, so that a busy machine fails no expression
  /// (none of them can wait). For functions that may take long by themselves.
  void check_time(lua_State* state);
  /// Charges memory that Lua does not see; raises a Lua error when it is too much.
  void charge(lua_State* state, std::size_t bytes);
  /// Keeps a value for the rest of the evaluation.
  const json& keep(lua_State* state, json value);
};

/// About what a value takes, without its own json object.
std::size_t footprint(const json& value);

/// Opens what an expression may use, read-only. The table of globals is left on the stack.
void open_library(lua_State* state);

}  // namespace scanflow::pipeline
