#include "engine/pipeline/lua_runs.hpp"

#include <string>

#include "engine/pipeline/json_bridge.hpp"
#include "engine/pipeline/lua_state.hpp"
#include "engine/pipeline/metric_query.hpp"

namespace scanflow::pipeline {
namespace {

int running(lua_State* state) {
  if (lua_gettop(state) > 1 || (!lua_isnoneornil(state, 1) && lua_type(state, 1) != LUA_TSTRING)) {
    return luaL_error(state,
                      "runs.running takes nothing, or the name of a pipeline: "
                      "runs.running(\"NAMESPACE/NAME\")");
  }
  const std::string pipeline = lua_isnoneornil(state, 1) ? "" : lua_tostring(state, 1);
  LuaBudget& budget = LuaBudget::of(state);
  if (budget.running == nullptr || !*budget.running) {
    return luaL_error(state, "what runs is known only to the rules of an agent");
  }
  std::string problem;
  {
    auto answer = (*budget.running)(pipeline);
    if (answer) {
      push_json(state, budget.keep(state, *std::move(answer)));
      return 1;
    }
    problem = answer.error().message;
  }
  return luaL_error(state, "runs.running: %s", problem.c_str());
}

}  // namespace

void open_runs(lua_State* state) {
  lua_pushcfunction(state, running);
  lua_setfield(state, -2, "running");
}

}  // namespace scanflow::pipeline
