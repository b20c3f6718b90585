// The table `metrics` of expressions.
#pragma once

#include <lua.hpp>

namespace scanflow::pipeline {

/// Adds its functions to the table on top of the stack. They ask LuaBudget::metrics; where nobody
/// answers they are an error that says so.
void open_metrics(lua_State* state);

}  // namespace scanflow::pipeline
