#include "engine/orchestrate/node.hpp"

#include <fmt/format.h>

namespace scanflow::orchestrate {

Planned plan_cordon(const Target& target, const json& node, const json& arguments) {
  const bool wanted = arguments.at("unschedulable");
  const bool is = node.value("/spec/unschedulable"_json_pointer, json()) == json(true);
  const char* state = wanted ? "takes no new Pods; those that run there stay" : "takes new Pods";
  if (is == wanted) return Plan{{}, fmt::format("{} {} (so it was already)", named(target), state)};
  // As kubectl does: a node that takes Pods does not have the field.
  const json spec = {{"unschedulable", wanted ? json(true) : json()}};
  return Plan{{{target, node, {{"spec", spec}}}}, fmt::format("{} {}", named(target), state)};
}

}  // namespace scanflow::orchestrate
