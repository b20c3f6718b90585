#include "engine/pipeline/lua_helpers.hpp"

#include <cmath>
#include <string>
#include <string_view>

#include "engine/pipeline/json_bridge.hpp"
#include "engine/pipeline/lua_state.hpp"

namespace scanflow::pipeline {
namespace {

constexpr std::size_t kLongestJson = 1 << 20;  // bytes of text that json() reads
constexpr int kDeepestJson = 64;

/// Checks that the first argument is a list, a proxied one or a table.
void check_list(lua_State* state, const char* function) {
  LuaBudget::of(state).check_time(state);
  const json* value = proxied(state, 1);
  if (value != nullptr ? value->is_array() : lua_istable(state, 1)) return;
  const char* hint = value != nullptr ? " (a step without a matrix is no list)" : "";
  luaL_error(state, "%s needs a list, got %s%s", function, describe_value(state, 1), hint);
}

/// Pushes what `path` ("outputs.accuracy") leads to from the value on top, nil where it ends.
void follow(lua_State* state, std::string_view path) {
  lua_pushvalue(state, -1);
  while (!path.empty() && !lua_isnil(state, -1)) {
    const std::size_t dot = path.find('.');
    const std::string_view key = path.substr(0, dot);
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
    const json* value = proxied(state, -1);
    if (value != nullptr ? value->is_object() : lua_istable(state, -1)) {
      lua_pushlstring(state, key.data(), key.size());
      lua_gettable(state, -2);
    } else {
      lua_pushnil(state);
    }
    lua_remove(state, -2);
  }
}

/// The element whose number at the path is the largest (sign 1) or the least (sign -1); the first
/// of equals. Elements without a value there (skipped, failed) do not take part.
int extreme(lua_State* state, const char* function, double sign) {
  check_list(state, function);
  const char* path = luaL_checkstring(state, 2);
  const lua_Integer size = luaL_len(state, 1);
  lua_Integer found = 0;
  double record = 0;
  for (lua_Integer i = 1; i <= size; ++i) {
    lua_geti(state, 1, i);
    follow(state, path);
    if (!lua_isnil(state, -1)) {
      if (lua_type(state, -1) != LUA_TNUMBER) {
        return luaL_error(state, "%s: '%s' of element %I is %s, not a number", function, path,
                          static_cast<LUAI_UACINT>(i), describe_value(state, -1));
      }
      const double value = sign * lua_tonumber(state, -1);
      if (!std::isnan(value) && (found == 0 || value > record)) {
        found = i;
        record = value;
      }
    }
    lua_pop(state, 2);
  }
  if (found == 0) {
    return luaL_error(state, "%s: none of %I elements has a value at '%s'", function,
                      static_cast<LUAI_UACINT>(size), path);
  }
  lua_geti(state, 1, found);
  return 1;
}

int best(lua_State* state) { return extreme(state, "best", 1); }
int worst(lua_State* state) { return extreme(state, "worst", -1); }

/// A list of what the path leads to in each element; null where there is nothing.
int collect(lua_State* state) {
  check_list(state, "collect");
  const char* path = luaL_checkstring(state, 2);
  json values = json::array();
  const lua_Integer size = luaL_len(state, 1);
  for (lua_Integer i = 1; i <= size; ++i) {
    lua_geti(state, 1, i);
    follow(state, path);
    values.push_back(to_json(state, -1));
    lua_pop(state, 2);
  }
  push_json(state, LuaBudget::of(state).keep(state, std::move(values)));
  return 1;
}

/// Integers give an integer, as + does.
/// Of the numbers; what is not there (the output of a skipped step) does not take part.
int sum(lua_State* state) {
  check_list(state, "sum");
  const lua_Integer size = luaL_len(state, 1);
  lua_pushinteger(state, 0);
  for (lua_Integer i = 1; i <= size; ++i) {
    lua_geti(state, 1, i);
    if (lua_isnil(state, -1)) {
      lua_pop(state, 1);
      continue;
    }
    if (lua_type(state, -1) != LUA_TNUMBER) {
      return luaL_error(state, "sum: element %I is %s, not a number", static_cast<LUAI_UACINT>(i),
                        describe_value(state, -1));
    }
    lua_arith(state, LUA_OPADD);
  }
  return 1;
}

/// Bytes of a text, elements of a list, fields of an object.
int length(lua_State* state) {
  if (const json* value = proxied(state, 1)) {
    lua_pushinteger(state, static_cast<lua_Integer>(value->size()));
    return 1;
  }
  if (lua_type(state, 1) == LUA_TSTRING) {
    lua_pushinteger(state, luaL_len(state, 1));
    return 1;
  }
  if (!lua_istable(state, 1)) {
    return luaL_error(state, "len needs a text, a list or an object, got %s",
                      describe_value(state, 1));
  }
  lua_Integer count = 0;
  for (lua_pushnil(state); lua_next(state, 1) != 0; lua_pop(state, 1)) ++count;
  lua_pushinteger(state, count);
  return 1;
}

/// The depth is bounded before the value exists: destroying and writing a value recurses.
int parse(lua_State* state) {
  if (lua_type(state, 1) != LUA_TSTRING) {
    return luaL_error(state, "json(text) reads JSON from text, got %s; tostring(value) writes it",
                      describe_value(state, 1));
  }
  std::size_t size = 0;
  const char* text = lua_tolstring(state, 1, &size);
  LuaBudget& budget = LuaBudget::of(state);
  budget.check_time(state);
  if (size > kLongestJson) return luaL_error(state, "json: the text is larger than 1 MiB");
  bool deep = false;
  const auto watch = [&deep](int depth, json::parse_event_t, json&) {
    deep = deep || depth > kDeepestJson;
    return !deep;  // what is too deep is dropped as it is read
  };
  json value;
  std::string problem;
  try {
    value = json::parse(text, text + size, watch);
  } catch (const json::exception& error) {
    problem = error.what();
  }
  if (deep) return luaL_error(state, "json: nested deeper than %d levels", kDeepestJson);
  if (!problem.empty()) {
    const std::size_t begin = problem.find("] ");
    return luaL_error(state, "json: the text is not JSON: %s",
                      problem.c_str() + (begin == std::string::npos ? 0 : begin + 2));
  }
  if (!value.is_structured()) {
    push_json(state, value);
    return 1;
  }
  push_json(state, budget.keep(state, std::move(value)));
  return 1;
}

}  // namespace

void add_function(lua_State* state, const luaL_Reg& function) {
  lua_pushcfunction(state, function.func);
  lua_setfield(state, -2, function.name);
}

void open_helpers(lua_State* state) {
  for (const luaL_Reg& function :
       {luaL_Reg{"best", best}, luaL_Reg{"worst", worst}, luaL_Reg{"collect", collect},
        luaL_Reg{"sum", sum}, luaL_Reg{"len", length}, luaL_Reg{"json", parse}}) {
    add_function(state, function);
  }
}

}  // namespace scanflow::pipeline
