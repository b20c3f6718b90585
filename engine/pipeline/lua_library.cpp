// What an expression may call: a choice of Lua's own functions, plain ones in place of its patterns
// (whose matching can take exponential time), and helpers over JSON.
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "engine/pipeline/json_bridge.hpp"
#include "engine/pipeline/lua_helpers.hpp"
#include "engine/pipeline/lua_metrics.hpp"
#include "engine/pipeline/lua_runs.hpp"
#include "engine/pipeline/lua_state.hpp"

namespace scanflow::pipeline {
namespace {

std::string_view check_text(lua_State* state, int index) {
  std::size_t length = 0;
  const char* text = luaL_checklstring(state, index, &length);
  return {text, length};
}

/// memmem is linear in both lengths, std::string_view::find is not.
std::size_t find_text(std::string_view text, std::string_view part, std::size_t from) {
  if (from > text.size()) return std::string_view::npos;
  const void* found = ::memmem(text.data() + from, text.size() - from, part.data(), part.size());
  if (found == nullptr) return std::string_view::npos;
  return static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

int text_find(lua_State* state) {
  const std::string_view text = check_text(state, 1);
  const std::string_view part = check_text(state, 2);
  const lua_Integer from = luaL_optinteger(state, 3, 1);
  luaL_argcheck(state, from >= 1, 3, "positions begin with 1");
  LuaBudget::of(state).check_time(state);
  const std::size_t at = find_text(text, part, static_cast<std::size_t>(from) - 1);
  if (at == std::string_view::npos) {
    lua_pushnil(state);
  } else {
    lua_pushinteger(state, static_cast<lua_Integer>(at) + 1);
  }
  return 1;
}

int text_contains(lua_State* state) {
  const json* list = proxied(state, 1);
  const bool table = lua_istable(state, 1);
  LuaBudget::of(state).check_time(state);
  if (list == nullptr && !table) {
    const bool found =
        find_text(check_text(state, 1), check_text(state, 2), 0) != std::string_view::npos;
    lua_pushboolean(state, found);
    return 1;
  }
  if (list != nullptr && !list->is_array()) {
    return luaL_error(state, "contains(list, value) got an object");
  }
  const lua_Integer size = luaL_len(state, 1);
  for (lua_Integer i = 1; i <= size; ++i) {
    lua_geti(state, 1, i);
    const bool equal = lua_compare(state, -1, 2, LUA_OPEQ) != 0;
    lua_pop(state, 1);
    if (!equal) continue;
    lua_pushboolean(state, 1);
    return 1;
  }
  lua_pushboolean(state, 0);
  return 1;
}

int text_startswith(lua_State* state) {
  const std::string_view text = check_text(state, 1);
  lua_pushboolean(state, text.starts_with(check_text(state, 2)));
  return 1;
}

int text_endswith(lua_State* state) {
  const std::string_view text = check_text(state, 1);
  lua_pushboolean(state, text.ends_with(check_text(state, 2)));
  return 1;
}

int text_trim(lua_State* state) {
  std::string_view text = check_text(state, 1);
  constexpr std::string_view kBlank = " \t\r\n\f\v";
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  const std::size_t last = text.find_last_not_of(kBlank);
  if (last != std::string_view::npos) text = text.substr(0, last + 1);
  lua_pushlstring(state, text.data(), text.size());
  return 1;
}

int text_split(lua_State* state) {
  const std::string_view text = check_text(state, 1);
  const std::string_view separator = check_text(state, 2);
  luaL_argcheck(state, !separator.empty(), 2, "the separator is empty");
  LuaBudget::of(state).check_time(state);
  lua_newtable(state);
  std::size_t begin = 0;
  for (lua_Integer n = 1;; ++n) {
    const std::size_t end = find_text(text, separator, begin);
    const std::string_view part = text.substr(begin, end - begin);
    lua_pushlstring(state, part.data(), part.size());
    lua_rawseti(state, -2, n);
    if (end == std::string_view::npos) return 1;
    begin = end + separator.size();
  }
}

int text_replace(lua_State* state) {
  const std::string_view text = check_text(state, 1);
  const std::string_view old_part = check_text(state, 2);
  const std::string_view new_part = check_text(state, 3);
  luaL_argcheck(state, !old_part.empty(), 2, "nothing to replace: the text is empty");
  LuaBudget::of(state).check_time(state);
  luaL_Buffer out;  // grows by Lua's allocator: within the limit
  luaL_buffinit(state, &out);
  std::size_t begin = 0;
  for (;;) {
    const std::size_t end = find_text(text, old_part, begin);
    const std::string_view part = text.substr(begin, end - begin);
    luaL_addlstring(&out, part.data(), part.size());
    if (end == std::string_view::npos) break;
    luaL_addlstring(&out, new_part.data(), new_part.size());
    begin = end + old_part.size();
  }
  luaL_pushresult(&out);
  return 1;
}

/// tostring: lists and objects as JSON; never an address.
int value_text(lua_State* state) {
  luaL_checkany(state, 1);
  const bool table = lua_istable(state, 1);
  if (table) {
    const json value = to_json(state, 1);
    push_json(state, LuaBudget::of(state).keep(state, value.dump()));
    return 1;
  }
  if (lua_isfunction(state, 1)) return luaL_error(state, "a function has no text");
  luaL_tolstring(state, 1, nullptr);
  return 1;
}

int value_type(lua_State* state) {
  luaL_checkany(state, 1);
  lua_pushstring(state, proxied(state, 1) != nullptr ? "table" : luaL_typename(state, 1));
  return 1;
}

/// string.format without %p, and with tables as JSON: no addresses. Upvalue: Lua's own.
int text_format(lua_State* state) {
  const std::string_view format = check_text(state, 1);
  for (std::size_t i = 0; i + 1 < format.size(); ++i) {
    if (format[i] != '%') continue;
    const std::size_t end = format.find_first_not_of("0123456789-+ #.", i + 1);
    if (end != std::string_view::npos && format[end] == 'p') {
      return luaL_error(state, "format has no %%p here");
    }
    i = end == std::string_view::npos ? format.size() : end;
  }
  const int count = lua_gettop(state);
  for (int i = 2; i <= count; ++i) {
    if (!lua_istable(state, i) && !lua_isfunction(state, i)) continue;
    lua_pushcfunction(state, value_text);
    lua_pushvalue(state, i);
    lua_call(state, 1, 1);
    lua_replace(state, i);
  }
  lua_pushvalue(state, lua_upvalueindex(1));
  lua_insert(state, 1);
  lua_call(state, count, 1);
  return 1;
}

int refuse_change(lua_State* state) {
  return luaL_error(state, "an expression cannot change the library");
}

constexpr luaL_Reg kTextFunctions[] = {
    {"find", text_find},         {"contains", text_contains}, {"startswith", text_startswith},
    {"endswith", text_endswith}, {"trim", text_trim},         {"split", text_split},
    {"replace", text_replace}};

/// Copies fields of the table at `from` into the one on top.
void copy(lua_State* state, int from, std::initializer_list<const char*> names) {
  from = lua_absindex(state, from);
  for (const char* name : names) {
    lua_getfield(state, from, name);
    lua_setfield(state, -2, name);
  }
}

/// Puts a read-only face of the table on top into the table below it.
void publish(lua_State* state, const char* name) {
  lua_newtable(state);
  lua_newtable(state);
  lua_pushvalue(state, -3);
  lua_setfield(state, -2, "__index");
  lua_pushcfunction(state, refuse_change);
  lua_setfield(state, -2, "__newindex");
  lua_setmetatable(state, -2);
  lua_setfield(state, -3, name);
  lua_pop(state, 1);
}

void open_text(lua_State* state) {
  luaopen_string(state);
  lua_newtable(state);
  copy(state, -2, {"upper", "lower", "len", "sub", "rep", "byte", "char", "reverse"});
  lua_getfield(state, -2, "format");
  lua_pushcclosure(state, text_format, 1);
  lua_setfield(state, -2, "format");
  for (const luaL_Reg& function : kTextFunctions) {
    lua_pushcfunction(state, function.func);
    lua_setfield(state, -2, function.name);
  }
  // ("x"):upper() goes by the metatable of strings: without this it would reach Lua's find and
  // gsub.
  lua_pushliteral(state, "");
  lua_getmetatable(state, -1);
  lua_pushvalue(state, -3);
  lua_setfield(state, -2, "__index");
  lua_pop(state, 2);
  lua_remove(state, -2);
  publish(state, "string");
}

}  // namespace

void open_library(lua_State* state) {
  lua_newtable(state);
  const int library = lua_gettop(state);
  luaopen_base(state);
  lua_pushvalue(state, library);
  copy(state, -2, {"tonumber", "ipairs", "pairs", "select"});
  lua_settop(state, library);
  for (const luaL_Reg& function : kTextFunctions) add_function(state, function);
  add_function(state, {"tostring", value_text});
  add_function(state, {"type", value_type});
  open_helpers(state);
  open_text(state);
  lua_newtable(state);
  open_metrics(state);
  publish(state, "metrics");
  lua_newtable(state);
  open_runs(state);
  publish(state, "runs");
  luaopen_math(state);
  for (const char* name : {"random", "randomseed"}) {
    lua_pushnil(state);
    lua_setfield(state, -2, name);
  }
  publish(state, "math");
  luaopen_table(state);
  lua_newtable(state);
  copy(state, -2, {"concat", "unpack"});
  lua_remove(state, -2);
  publish(state, "table");
}

}  // namespace scanflow::pipeline
