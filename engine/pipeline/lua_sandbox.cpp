#include "engine/pipeline/lua_sandbox.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <stdexcept>

#include "engine/pipeline/expression_analysis.hpp"
#include "engine/pipeline/json_bridge.hpp"
#include "engine/pipeline/lua_state.hpp"

namespace scanflow::pipeline {
namespace {

constexpr int kHookEvery = 100;  // instructions between looks at the limits
constexpr const char* kChunk = "=expression";

void* allocate(void* user, void* block, std::size_t old_size, std::size_t new_size) {
  auto& budget = *static_cast<LuaBudget*>(user);
  if (block == nullptr) old_size = 0;  // Lua gives the kind of object instead
  if (new_size == 0) {
    std::free(block);
    budget.lua_bytes -= old_size;
    return nullptr;
  }
  const std::size_t bytes = budget.lua_bytes - old_size + new_size;
  if (new_size > old_size && bytes + budget.kept_bytes > budget.limits.bytes) return nullptr;
  void* moved = std::realloc(block, new_size);
  if (moved != nullptr) budget.lua_bytes = bytes;
  return moved;
}

std::int64_t thread_cpu_us() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

[[noreturn]] void breach(lua_State* state, LuaBudget::Breach kind) {
  LuaBudget::of(state).breach = kind;
  lua_pushliteral(state, "over its limits");
  lua_error(state);
  std::abort();  // lua_error does not return
}

void hook(lua_State* state, lua_Debug*) {
  LuaBudget& budget = LuaBudget::of(state);
  budget.instructions += kHookEvery;
  if (budget.instructions > budget.limits.instructions) {
    breach(state, LuaBudget::Breach::instructions);
  }
  budget.check_time(state);
}

/// Lua 5.4 as the message says it, without "expression:1: ".
std::string clean(std::string_view message) {
  const std::string_view chunk = std::string_view(kChunk).substr(1);
  if (message.starts_with(chunk)) {
    const std::size_t end = message.find(": ");
    if (end != std::string_view::npos) message.remove_prefix(end + 2);
  }
  std::string text(message);
  const std::string_view eof = "near <eof>";
  const std::size_t at = text.find(eof);
  if (at != std::string::npos) text.replace(at, eof.size(), "at its end");
  return text;
}

struct Call {
  const std::string* lua;
  std::span<const LuaSandbox::Variable> scope;
  int globals;  // references into the registry
  int scope_table;
  bool run;
  json result;
};

void load(lua_State* state, const std::string& text) {
  if (luaL_loadbufferx(state, text.data(), text.size(), kChunk, "t") != LUA_OK) lua_error(state);
}

/// Empties the table on top of the stack.
void clear(lua_State* state) {
  for (lua_pushnil(state); lua_next(state, -2) != 0;) {
    lua_pop(state, 1);
    lua_pushvalue(state, -1);
    lua_pushnil(state);
    lua_rawset(state, -4);
  }
}

/// Everything that may raise an error happens in here, under lua_pcall.
int protected_call(lua_State* state) {
  auto& call = *static_cast<Call*>(lua_touserdata(state, 1));
  const std::string one = "return (" + *call.lua + "\n)";
  if (luaL_loadbufferx(state, one.data(), one.size(), kChunk, "t") != LUA_OK) {
    // Without parentheses Lua says better what is wrong; where nothing is, there are several
    // values.
    load(state, "return " + *call.lua + "\n");
    luaL_error(state, "an expression gives one value; several go into a list: {a, b}");
  }
  if (!call.run) return 0;
  lua_rawgeti(state, LUA_REGISTRYINDEX, call.scope_table);
  clear(state);  // values of the last evaluation are gone
  for (const auto& [name, value] : call.scope) {
    push_json(state, *value);
    lua_setfield(state, -2, name);
  }
  lua_pop(state, 1);
  lua_rawgeti(state, LUA_REGISTRYINDEX, call.globals);
  lua_setupvalue(state, -2, 1);  // the chunk's _ENV
  lua_call(state, 0, 1);
  call.result = to_json(state, -1);
  return 0;
}

int protected_open(lua_State* state) {
  open_bridge(state);
  open_library(state);
  return 1;
}

/// `null`, and variables that are null, are not in the tables: nil cannot be.
int unknown_name(lua_State* state) {
  const auto& known = global_names();
  if (lua_type(state, 2) == LUA_TSTRING &&
      std::find(known.begin(), known.end(), lua_tostring(state, 2)) != known.end()) {
    lua_pushnil(state);
    return 1;
  }
  return luaL_error(state, "unknown name '%s'", luaL_tolstring(state, 2, nullptr));
}

int refuse_write(lua_State* state) {
  return luaL_error(state,
                    "an expression cannot assign to '%s'; a function within it may use "
                    "'local'",
                    luaL_tolstring(state, 2, nullptr));
}

}  // namespace

LuaBudget& LuaBudget::of(lua_State* state) {
  return **static_cast<LuaBudget**>(lua_getextraspace(state));
}

void LuaBudget::restart() {
  instructions = 0;
  kept.clear();
  kept_bytes = 0;
  breach = Breach::none;
  cpu_end_us = thread_cpu_us() + limits.time_us;
  deadline = Clock::now() + std::chrono::microseconds(limits.time_us);
}

void LuaBudget::check_time(lua_State* state) {
  if (Clock::now() <= deadline) return;
  const std::int64_t left = cpu_end_us - thread_cpu_us();
  if (left <= 0) pipeline::breach(state, Breach::time);
  deadline = Clock::now() + std::chrono::microseconds(left);
}

void LuaBudget::charge(lua_State* state, std::size_t bytes) {
  kept_bytes += bytes;
  if (kept_bytes + lua_bytes > limits.bytes) pipeline::breach(state, Breach::bytes);
}

const json& LuaBudget::keep(lua_State* state, json value) {
  charge(state, sizeof(json) + footprint(value));
  return kept.emplace_back(std::move(value));
}

std::size_t footprint(const json& value) {
  constexpr std::size_t kEntry = 64;  // of a map, about
  std::size_t bytes = 0;
  if (value.is_string()) return 32 + value.get_ref<const std::string&>().size();
  if (value.is_array()) {
    for (const json& element : value) bytes += sizeof(json) + footprint(element);
  } else if (value.is_object()) {
    for (const auto& [key, element] : value.items()) {
      bytes += kEntry + key.size() + footprint(element);
    }
  }
  return bytes;
}

struct LuaSandbox::Impl {
  explicit Impl(const Limits& limits) : budget(limits) { open(); }
  ~Impl() { close(); }

  /// Leaves a state whose globals are read-only: names come from `scope` (set anew by each
  /// evaluation), then from the library, and any other is an error.
  void open() {
    budget.restart();
    state = lua_newstate(allocate, &budget);
    if (state == nullptr) throw std::bad_alloc();
    *static_cast<LuaBudget**>(lua_getextraspace(state)) = &budget;
    lua_pushcfunction(state, protected_open);
    if (lua_pcall(state, 0, 1, 0) != LUA_OK) throw std::runtime_error("cannot start Lua");
    const int library = lua_gettop(state);
    lua_newtable(state);  // of the library: unknown names
    lua_pushcfunction(state, unknown_name);
    lua_setfield(state, -2, "__index");
    lua_setmetatable(state, library);
    lua_newtable(state);  // scope
    lua_newtable(state);
    lua_pushvalue(state, library);
    lua_setfield(state, -2, "__index");
    lua_setmetatable(state, -2);
    lua_newtable(state);  // globals: an empty face
    lua_newtable(state);
    lua_pushvalue(state, -3);
    lua_setfield(state, -2, "__index");
    lua_pushcfunction(state, refuse_write);
    lua_setfield(state, -2, "__newindex");
    lua_setmetatable(state, -2);
    globals = luaL_ref(state, LUA_REGISTRYINDEX);
    scope_table = luaL_ref(state, LUA_REGISTRYINDEX);
    lua_settop(state, 0);
    lua_sethook(state, hook, LUA_MASKCOUNT, kHookEvery);
  }

  void close() {
    if (state != nullptr) lua_close(state);
    state = nullptr;
  }

  Result<json> call(const std::string& lua, std::span<const Variable> scope, bool run) {
    if (state == nullptr) open();
    budget.restart();
    exceeded = false;
    Call call{&lua, scope, globals, scope_table, run, nullptr};
    lua_pushcfunction(state, protected_call);
    lua_pushlightuserdata(state, &call);
    const int status = lua_pcall(state, 1, 0, 0);
    if (status == LUA_OK) {
      lua_settop(state, 0);
      return std::move(call.result);
    }
    note_memory(status);
    exceeded = budget.breach != LuaBudget::Breach::none;
    std::string message = explain();
    close();  // whatever is left in it, the next expression gets a new one
    return fail(std::move(message));
  }

  /// Lua says in three ways that it would need too much memory.
  void note_memory(int status) {
    if (budget.breach != LuaBudget::Breach::none) return;
    const char* text = lua_type(state, -1) == LUA_TSTRING ? lua_tostring(state, -1) : "";
    const bool too_large = std::string_view(text).ends_with("resulting string too large");
    if (status == LUA_ERRMEM || status < 0 || too_large) budget.breach = LuaBudget::Breach::bytes;
  }

  std::string explain() const {
    using Breach = LuaBudget::Breach;
    const Limits& limits = budget.limits;
    if (budget.breach == Breach::instructions) {
      return fmt::format("it takes more than {} instructions (an endless loop?)",
                         limits.instructions);
    }
    if (budget.breach == Breach::time) {
      return fmt::format("it takes longer than {} ms (an endless loop?)", limits.time_us / 1000);
    }
    if (budget.breach == Breach::bytes) {
      return fmt::format("it needs more than {} MiB of memory; compute large values in a step",
                         limits.bytes >> 20);
    }
    if (lua_type(state, -1) != LUA_TSTRING) return "it failed";
    std::size_t length = 0;
    const char* text = lua_tolstring(state, -1, &length);
    return clean(std::string_view(text, length));
  }

  LuaBudget budget;
  lua_State* state = nullptr;
  int globals = 0, scope_table = 0;
  bool exceeded = false;
};

LuaSandbox::LuaSandbox(const Limits& limits) : impl_(std::make_unique<Impl>(limits)) {}
LuaSandbox::~LuaSandbox() = default;

Result<void> LuaSandbox::compile(const std::string& lua) {
  auto done = impl_->call(lua, {}, false);
  if (!done) return fail(std::move(done.error().message));
  return {};
}

Result<json> LuaSandbox::evaluate(const std::string& lua, std::span<const Variable> scope,
                                  const AskMetrics* metrics, const AskRunning* running) {
  impl_->budget.metrics = metrics;
  impl_->budget.running = running;
  return impl_->call(lua, scope, true);
}

bool LuaSandbox::exceeded() const { return impl_->exceeded; }

}  // namespace scanflow::pipeline
