// best, worst, collect, sum, len, json: over lists of step instances and other JSON.
#pragma once

#include <lua.hpp>

namespace scanflow::pipeline {

/// Adds the helpers to the table on top of the stack.
void open_helpers(lua_State* state);

/// Adds one function to the table on top of the stack.
void add_function(lua_State* state, const luaL_Reg& function);

}  // namespace scanflow::pipeline
