// JSON <-> Lua. Lists and objects cross as proxies over the JSON, which is not copied: so null,
// empty lists and objects, and the difference between 1 and 1.0 survive when a value is handed
// through.
#pragma once

#include <lua.hpp>
#include <nlohmann/json.hpp>

namespace scanflow::pipeline {

using nlohmann::json;

/// Makes the proxies' metatable. Once per state.
void open_bridge(lua_State* state);

/// null becomes nil, a list or object a proxy: `value` must outlive the evaluation.
void push_json(lua_State* state, const json& value);

/// The JSON behind a proxy, or null where the value is none.
const json* proxied(lua_State* state, int index);

/// Any value back. A table that the expression built: keys 1..n make a list, text keys an object,
/// an empty table an empty object. Raises a Lua error for what JSON cannot say.
json to_json(lua_State* state, int index);

/// "a list", "text", "nothing (null)" ... for messages.
const char* describe_value(lua_State* state, int index);

}  // namespace scanflow::pipeline
