// The table `runs` of expressions in an agent's rule.
#pragma once

#include <lua.hpp>

namespace scanflow::pipeline {

/// Adds its function to the table on top of the stack: `runs.running([pipeline])` asks LuaBudget::running; where nobody
/// answers it is an error that says so.
void open_runs(lua_State* state);

}  // namespace scanflow::pipeline
