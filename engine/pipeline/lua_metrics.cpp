#include "engine/pipeline/lua_metrics.hpp"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "engine/pipeline/json_bridge.hpp"
#include "engine/pipeline/lua_state.hpp"
#include "engine/pipeline/metric_query.hpp"
#include "engine/pipeline/text.hpp"
#include "sdk/base/units.hpp"

namespace scanflow::pipeline {
namespace {

/// What a label must be, as text: labels are text everywhere.
Result<std::string> label_text(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean() || value.is_number_integer()) return value.dump();
  return fail(fmt::format("is {}, not text", printable(value.dump())));
}

/// `{step = "train", run = run.id}`, or the text of a selector: "step=train,run!=x".
Result<LabelSelector> selector_of(const json& labels) {
  if (labels.is_null()) return LabelSelector();
  if (labels.is_string()) return LabelSelector::parse(labels.get_ref<const std::string&>());
  if (!labels.is_object()) {
    return fail(
        "they are an object, {step = \"train\"}, or the text of a selector, \"step=train\"");
  }
  LabelSelector selector;
  for (const auto& [key, value] : labels.items()) {
    auto text = label_text(value);
    if (!text) return fail(fmt::format("'{}' {}", key, text.error().message));
    selector.require(key, LabelSelector::Is::among, {*std::move(text)});
  }
  return selector;
}

Result<std::int64_t> window_of(const json& window) {
  if (!window.is_string()) {
    return fail(
        fmt::format("{} is no duration: write it as text, \"5m\"", printable(window.dump())));
  }
  auto us = parse_duration(window.get_ref<const std::string&>());
  if (us && *us <= 0) return fail(fmt::format("'{}' is not above 0", window.get<std::string>()));
  return us;
}

/// The arguments of a call, null where none was given.
Result<MetricQuery> read_query(const std::string& function, const json& name, const json& labels,
                               const json& window, const json& q) {
  MetricQuery query;
  query.function = function;
  if (!name.is_string() || name.get_ref<const std::string&>().empty()) {
    return fail("needs the name of a metric, as text");
  }
  query.name = name.get<std::string>();
  auto selector = selector_of(labels);
  if (!selector) return fail("labels: " + selector.error().message);
  query.labels = *std::move(selector);
  if (!window.is_null()) {
    const auto us = window_of(window);
    if (!us) return fail("window: " + us.error().message);
    query.window_us = *us;
  }
  if (function == "quantile") {
    if (!q.is_number() || q.get<double>() < 0 || q.get<double>() > 1) {
      return fail(
          "needs the quantile, from 0 to 1, as its fourth value: "
          "metrics.quantile(name, labels, window, 0.9)");
    }
    query.q = q.get<double>();
  }
  return query;
}

/// Upvalue: the function's place in metric_functions().
int ask(lua_State* state) {
  const std::string& function =
      metric_functions()[static_cast<std::size_t>(lua_tointeger(state, lua_upvalueindex(1)))];
  const int most = function == "quantile" ? 4 : 3;
  if (lua_gettop(state) > most) {
    return luaL_error(state, "metrics.%s takes %d values: name, labels, window%s", function.c_str(),
                      most, most == 4 ? ", quantile" : "");
  }
  lua_settop(state, 4);
  const LuaBudget& budget = LuaBudget::of(state);
  if (budget.metrics == nullptr || !*budget.metrics) {
    return luaL_error(state, "metrics are known only while the run runs");
  }
  auto query = read_query(function, to_json(state, 1), to_json(state, 2), to_json(state, 3),
                          to_json(state, 4));
  std::string problem;
  if (query) {
    const auto answer = (*budget.metrics)(*query);
    LuaBudget::of(state).check_time(state);
    if (answer && answer->has_value()) {
      lua_pushnumber(state, **answer);
    } else {
      lua_pushnil(state);
    }
    if (answer) return 1;
    problem = answer.error().message;
  } else {
    problem = query.error().message;
  }
  return luaL_error(state, "metrics.%s: %s", function.c_str(), problem.c_str());
}

}  // namespace

const std::vector<std::string>& metric_functions() {
  static const std::vector<std::string> kNames{"last", "avg",  "min",      "max",
                                               "sum",  "rate", "increase", "quantile"};
  return kNames;
}

void open_metrics(lua_State* state) {
  for (std::size_t i = 0; i < metric_functions().size(); ++i) {
    lua_pushinteger(state, static_cast<lua_Integer>(i));
    lua_pushcclosure(state, ask, 1);
    lua_setfield(state, -2, metric_functions()[i].c_str());
  }
}

}  // namespace scanflow::pipeline
