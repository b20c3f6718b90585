#include "engine/runtime/retry.hpp"

#include <fmt/format.h>

#include <unordered_map>

#include "sdk/base/nearest.hpp"

namespace scanflow::runtime {
namespace {

bool has_result(const store::StepRow& step) {
  return step.status == "succeeded" || step.status == "cached";
}

bool calls(const pipeline::Step& step) { return step.uses == "pipeline"; }

json result_of(const store::StepRow& step) {
  const auto parse = [](const std::string& text) {
    json value = text.empty() ? json::object() : json::parse(text, nullptr, false);
    return value.is_object() ? value : json::object();
  };
  return {
      {"outputs", parse(step.outputs)}, {"artifacts", parse(step.artifacts)}, {"from", step.run}};
}

}  // namespace

Result<json> results_to_reuse(const pipeline::Plan& plan, const std::vector<store::StepRow>& steps,
                              const std::string& from) {
  std::unordered_map<std::string_view, const store::StepRow*> rows;
  for (const store::StepRow& step : steps) rows.emplace(step.id, &step);
  std::vector<bool> again(plan.steps.size());    // runs again
  std::vector<bool> changed(plan.steps.size());  // ... with other inputs
  bool found = from.empty();
  bool any = false;
  json reuse = json::object();
  for (const graph::Node i : graph::topological_order(plan.graph)) {
    const pipeline::PlannedStep& step = plan.steps[i];
    const pipeline::Step& spec = plan.spec_of(i);
    const bool named =
        step.id == from || spec.name == from || (calls(spec) && from.starts_with(step.id + "/"));
    found = found || named;
    for (const graph::Node need : plan.graph.needs(i)) changed[i] = changed[i] || again[need];
    const auto row = rows.find(step.id);
    const bool good = row != rows.end() && has_result(*row->second);
    const bool skipped = row != rows.end() && row->second->status == "skipped";
    again[i] = named || changed[i] || (!good && !skipped) || spec.phase != pipeline::Phase::main;
    any = any || (again[i] && spec.phase == pipeline::Phase::main);
    if (!again[i] && good && spec.for_each.is_null()) reuse[step.id] = result_of(*row->second);
    if (named || changed[i] || spec.for_each.is_null()) continue;
    for (std::size_t n = 0;; ++n) {  // the step itself is expanded again, into the same instances
      const auto instance = rows.find(std::string_view(fmt::format("{}[{}]", step.id, n)));
      if (instance == rows.end()) break;
      if (has_result(*instance->second)) reuse[instance->second->id] = result_of(*instance->second);
    }
  }
  if (!found) {
    std::vector<std::string> names;
    for (const pipeline::Step& step : plan.pipeline->steps) names.push_back(step.name);
    const std::string near = nearest(from, names);
    return fail(fmt::format("the run has no step '{}'{}", from,
                            near.empty() ? "" : fmt::format("; did you mean '{}'?", near)));
  }
  if (!any && !from.empty()) {
    return fail(
        fmt::format("'{}' is a handler: it runs after the steps, and none of them is to be "
                    "run again (--from STEP names one of them)",
                    from));
  }
  if (!any) {
    return fail(
        "every step of it has succeeded, or was skipped: there is nothing to run again (--from "
        "STEP "
        "runs from there)");
  }
  return reuse;
}

}  // namespace scanflow::runtime
