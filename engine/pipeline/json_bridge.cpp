#include "engine/pipeline/json_bridge.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "engine/pipeline/lua_state.hpp"
#include "engine/pipeline/text.hpp"

namespace scanflow::pipeline {
namespace {

constexpr const char* kProxy = "scanflow.json";
constexpr const char* kIterator = "scanflow.json.iterator";
constexpr int kDeepest = 100;  // levels of a value that is handed back

struct Proxy {
  const json* value;
};

/// No finalizer needed: it owns nothing.
struct Iterator {
  json::const_iterator next, end;
  lua_Integer index;  // of lists, from 1
};
static_assert(std::is_trivially_destructible_v<Iterator>);

const json& self(lua_State* state) {
  return *static_cast<Proxy*>(luaL_checkudata(state, 1, kProxy))->value;
}

int proxy_index(lua_State* state) {
  const json& value = self(state);
  if (value.is_array() && lua_isinteger(state, 2)) {
    const lua_Integer i = lua_tointeger(state, 2);
    if (i >= 1 && static_cast<std::size_t>(i) <= value.size()) {
      push_json(state, value[static_cast<std::size_t>(i) - 1]);
      return 1;
    }
  } else if (value.is_object() && lua_type(state, 2) == LUA_TSTRING) {
    std::size_t length = 0;
    const char* key = lua_tolstring(state, 2, &length);
    const auto found = value.find(std::string_view(key, length));
    if (found != value.end()) {
      push_json(state, *found);
      return 1;
    }
  } else if (value.is_array() && lua_type(state, 2) == LUA_TSTRING) {
    return luaL_error(state, "'%s' of a list: pick an element ([1]), or use best, worst or collect",
                      lua_tostring(state, 2));
  }
  lua_pushnil(state);
  return 1;
}

int proxy_newindex(lua_State* state) {
  return luaL_error(state, "an expression cannot change its values");
}

int proxy_length(lua_State* state) {
  lua_pushinteger(state, static_cast<lua_Integer>(self(state).size()));
  return 1;
}

int proxy_equal(lua_State* state) {
  const json* left = proxied(state, 1);
  const json* right = proxied(state, 2);
  lua_pushboolean(state, left != nullptr && right != nullptr && *left == *right);
  return 1;
}

int proxy_text(lua_State* state) {
  const json& value = self(state);
  LuaBudget& budget = LuaBudget::of(state);
  budget.check_time(state);
  budget.charge(state, footprint(value));  // at least what the text takes, and not much more
  const std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  lua_pushlstring(state, text.data(), text.size());
  return 1;
}

int iterate(lua_State* state) {
  auto& it = *static_cast<Iterator*>(luaL_checkudata(state, lua_upvalueindex(2), kIterator));
  if (it.next == it.end) {
    lua_pushnil(state);
    return 1;
  }
  if (it.index > 0) {
    lua_pushinteger(state, it.index++);
  } else {
    const std::string& key = it.next.key();
    lua_pushlstring(state, key.data(), key.size());
  }
  push_json(state, *it.next);
  ++it.next;
  return 2;
}

int proxy_pairs(lua_State* state) {
  const json& value = self(state);
  lua_pushvalue(state, 1);  // keeps the proxy alive with the iterator
  auto* it = static_cast<Iterator*>(lua_newuserdatauv(state, sizeof(Iterator), 0));
  new (it) Iterator{value.cbegin(), value.cend(), value.is_array() ? 1 : 0};
  luaL_setmetatable(state, kIterator);
  lua_pushcclosure(state, iterate, 2);
  return 1;
}

/// Turns one value; knows how deep it is.
json convert(lua_State* state, int index, int depth);

json convert_text(lua_State* state, int index) {
  std::size_t length = 0;
  const char* text = lua_tolstring(state, index, &length);
  const std::string_view view(text, length);
  LuaBudget::of(state).charge(state, length);
  if (!is_utf8(view)) luaL_error(state, "the text is not UTF-8: it was cut within a character");
  return std::string(view);
}

json convert_number(lua_State* state, int index) {
  if (lua_isinteger(state, index)) return static_cast<std::int64_t>(lua_tointeger(state, index));
  const double number = lua_tonumber(state, index);
  if (!std::isfinite(number)) {
    luaL_error(state, "the result is %s (divided by 0?), which has no place in JSON",
               std::isnan(number) ? "not a number" : "infinite");
  }
  return number;
}

json convert_table(lua_State* state, int index, int depth) {
  index = lua_absindex(state, index);
  luaL_checkstack(state, 8, "a value nested too deeply");
  json list = json::array();
  json object = json::object();
  lua_Integer numbers = 0, highest = 0;
  for (lua_pushnil(state); lua_next(state, index) != 0; lua_pop(state, 1)) {
    LuaBudget::of(state).charge(state, sizeof(json));
    if (lua_isinteger(state, -2) && lua_tointeger(state, -2) >= 1) {
      ++numbers;
      highest = std::max(highest, lua_tointeger(state, -2));
    } else if (lua_type(state, -2) == LUA_TSTRING) {
      const json key = convert_text(state, -2);
      object[key.get_ref<const std::string&>()] = convert(state, -1, depth + 1);
    } else {
      luaL_error(state, "a key of a table is neither text nor a number from 1");
    }
  }
  if (numbers == 0) return object;
  if (!object.empty()) luaL_error(state, "a table has both numbers and text as keys");
  if (highest != numbers) {
    luaL_error(state, "a list has holes: nil (null) cannot stand in a list built in an expression");
  }
  for (lua_Integer i = 1; i <= highest; ++i) {
    lua_rawgeti(state, index, i);
    list.push_back(convert(state, -1, depth + 1));
    lua_pop(state, 1);
  }
  return list;
}

json convert(lua_State* state, int index, int depth) {
  if (depth > kDeepest) {
    luaL_error(state, "a value nested deeper than %d levels, or a table that holds itself",
               kDeepest);
  }
  switch (lua_type(state, index)) {
    case LUA_TNIL:
      return nullptr;
    case LUA_TBOOLEAN:
      return lua_toboolean(state, index) != 0;
    case LUA_TNUMBER:
      return convert_number(state, index);
    case LUA_TSTRING:
      return convert_text(state, index);
    case LUA_TTABLE:
      return convert_table(state, index, depth);
    default:
      break;
  }
  const json* value = proxied(state, index);
  if (value == nullptr) {
    luaL_error(state, "%s is not a value; call it, or name a value", describe_value(state, index));
    return nullptr;  // luaL_error does not return; it is not declared so
  }
  LuaBudget::of(state).check_time(state);
  LuaBudget::of(state).charge(state, footprint(*value));
  return *value;
}

}  // namespace

void open_bridge(lua_State* state) {
  static constexpr luaL_Reg kMethods[] = {
      {"__index", proxy_index}, {"__newindex", proxy_newindex}, {"__len", proxy_length},
      {"__eq", proxy_equal},    {"__tostring", proxy_text},     {"__pairs", proxy_pairs},
      {nullptr, nullptr}};
  luaL_newmetatable(state, kIterator);
  luaL_newmetatable(state, kProxy);
  luaL_setfuncs(state, kMethods, 0);
  lua_pushliteral(state, "value");
  lua_setfield(state, -2, "__name");
  lua_pop(state, 2);
}

void push_json(lua_State* state, const json& value) {
  switch (value.type()) {
    case json::value_t::boolean:
      lua_pushboolean(state, value.get<bool>());
      return;
    case json::value_t::number_integer:
      lua_pushinteger(state, value.get<std::int64_t>());
      return;
    case json::value_t::number_unsigned: {
      const auto number = value.get<std::uint64_t>();
      if (number <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        lua_pushinteger(state, static_cast<lua_Integer>(number));
      } else {
        lua_pushnumber(state, static_cast<double>(number));
      }
      return;
    }
    case json::value_t::number_float:
      lua_pushnumber(state, value.get<double>());
      return;
    case json::value_t::string: {
      const auto& text = value.get_ref<const std::string&>();
      lua_pushlstring(state, text.data(), text.size());
      return;
    }
    case json::value_t::object:
    case json::value_t::array: {
      auto* proxy = static_cast<Proxy*>(lua_newuserdatauv(state, sizeof(Proxy), 0));
      proxy->value = &value;
      luaL_setmetatable(state, kProxy);
      return;
    }
    default:
      lua_pushnil(state);
  }
}

const json* proxied(lua_State* state, int index) {
  const auto* proxy = static_cast<const Proxy*>(luaL_testudata(state, index, kProxy));
  return proxy == nullptr ? nullptr : proxy->value;
}

json to_json(lua_State* state, int index) { return convert(state, index, 0); }

const char* describe_value(lua_State* state, int index) {
  if (const json* value = proxied(state, index)) return value->is_array() ? "a list" : "an object";
  switch (lua_type(state, index)) {
    case LUA_TNONE:
    case LUA_TNIL:
      return "nothing (null)";
    case LUA_TBOOLEAN:
      return "a bool";
    case LUA_TNUMBER:
      return "a number";
    case LUA_TSTRING:
      return "text";
    case LUA_TTABLE:
      return "a table";
    case LUA_TFUNCTION:
      return "a function";
    default:
      return "a value";
  }
}

}  // namespace scanflow::pipeline
