#include "engine/pipeline/engine_primitives.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string>

#include "sidecar/protocol/primitives.hpp"

namespace scanflow::pipeline {
namespace {

constexpr std::int64_t kOneSecond = 1'000'000;

constexpr auto kEnginePrimitives = std::to_array<EnginePrimitive>({
    {"run_pipeline",
     "Starts a run of a registered pipeline. Done when it has begun; its id is in the evidence.",
     R"({"type": "object", "additionalProperties": false, "required": ["pipeline"], "properties": {
       "pipeline": {"type": "string", "minLength": 1, "description": "[NAMESPACE/]NAME[@VERSION]; without a namespace that of the agent"},
       "params": {"type": "object", "description": "its parameters"}}})",
     60 * kOneSecond},
    {"cancel_run", "Ends a run: what it has under way is stopped.",
     R"({"type": "object", "additionalProperties": false, "required": ["run"], "properties": {
       "run": {"type": "string", "minLength": 1, "description": "its id"}}})",
     60 * kOneSecond},
    {"promote_model",
     "Gives a version of a registered model an alias, which services and steps follow.",
     R"({"type": "object", "additionalProperties": false, "required": ["name", "version"], "properties": {
       "name": {"type": "string", "minLength": 1, "description": "of the model"},
       "version": {"type": ["string", "integer"]},
       "alias": {"type": "string", "minLength": 1, "default": "champion"}}})",
     30 * kOneSecond},
    {"notify", "Tells somebody: a web hook, or a program of this machine.",
     R"({"type": "object", "additionalProperties": false, "required": ["message"], "properties": {
       "message": {"type": "string", "minLength": 1},
       "webhook": {"type": "string", "description": "http://...: is sent {\"message\", \"agent\", \"rule\", \"decision\"}"},
       "program": {"type": "array", "minItems": 1, "items": {"type": "string"}, "description": "the same, on its stdin"}}})",
     60 * kOneSecond},
    {"emit", "Tells an event to all agents: those whose rules wait for its type are woken.",
     R"({"type": "object", "additionalProperties": false, "required": ["type"], "properties": {
       "type": {"type": "string", "minLength": 1, "description": "such as drift.noticed"},
       "payload": {"type": "object", "description": "what it says"}}})",
     10 * kOneSecond},
});

constexpr auto kObjectPrimitives =
    std::to_array<std::string_view>({"scale", "resize", "set_autoscaler", "rollout_restart",
                                     "evict", "place", "cordon", "set_traffic", "patch"});

}  // namespace

std::span<const EnginePrimitive> engine_primitives() { return kEnginePrimitives; }

const EnginePrimitive* find_engine_primitive(std::string_view name) {
  const auto found =
      std::find_if(kEnginePrimitives.begin(), kEnginePrimitives.end(),
                   [&](const EnginePrimitive& primitive) { return primitive.name == name; });
  return found == kEnginePrimitives.end() ? nullptr : &*found;
}

std::span<const std::string_view> object_primitive_names() { return kObjectPrimitives; }

std::vector<std::string> all_primitive_names() {
  std::set<std::string> names(kObjectPrimitives.begin(), kObjectPrimitives.end());
  for (const EnginePrimitive& each : kEnginePrimitives) names.emplace(each.name);
  for (const protocol::Primitive& each : protocol::primitives()) names.emplace(each.name);
  return {names.begin(), names.end()};
}

}  // namespace scanflow::pipeline
