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
    {"retry_step",
     "Runs a step of a run that is over again, and what depends on it: a new run, which takes over "
     "the rest.",
     R"({"type": "object", "additionalProperties": false, "required": ["run"], "properties": {
       "run": {"type": "string", "minLength": 1, "description": "its id"},
       "step": {"type": "string", "minLength": 1, "description": "which; without it what did not succeed"}}})",
     60 * kOneSecond},
    {"hedge_step",
     "Begins a second attempt beside the one that a step has, once there is room for it: the first "
     "that succeeds is the "
     "step's, the other one is stopped. Done when it has been asked for.",
     R"({"type": "object", "additionalProperties": false, "required": ["run", "step"], "properties": {
       "run": {"type": "string", "minLength": 1, "description": "its id"},
       "step": {"type": "string", "minLength": 1, "description": "one that runs, such as fit or fit[3]"},
       "reason": {"type": "string", "description": "why, for whoever reads its events"}}})",
     60 * kOneSecond},
    {"promote_model",
     "Gives a version of a registered model an alias, which services and steps follow.",
     R"({"type": "object", "additionalProperties": false, "required": ["name", "version"], "properties": {
       "name": {"type": "string", "minLength": 1, "description": "of the model"},
       "version": {"type": ["string", "integer"]},
       "alias": {"type": "string", "minLength": 1, "default": "champion"}}})",
     30 * kOneSecond},
    {"admit",
     "Of a rule on 'submit': changes the run or the service before it begins, or denies it.",
     R"({"type": "object", "additionalProperties": false, "properties": {
       "patch": {"type": "object", "description": "a JSON Merge Patch of the document"},
       "steps": {"type": "object", "description": "step, or the beginning of names and '*' -> a merge patch of it"},
       "deny": {"type": "string", "minLength": 1, "description": "why it may not run"}}})",
     10 * kOneSecond},
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

constexpr auto kServicePrimitives = std::to_array<EnginePrimitive>({
    {"scale",
     "How many replicas it has; of one that is scaled by itself, at least. Until its document is "
     "applied anew.",
     R"({"type": "object", "additionalProperties": false, "required": ["replicas"], "properties": {
       "replicas": {"type": "integer", "minimum": 1, "maximum": 1000}}})",
     30 * kOneSecond},
    {"set_traffic",
     "Which versions of a node's model get how much of the requests. Until its document is applied "
     "anew.",
     R"({"type": "object", "additionalProperties": false, "required": ["versions"], "properties": {
       "node": {"type": "string", "minLength": 1, "description": "of its graph; without it the only one with a model"},
       "versions": {"type": "array", "minItems": 1, "maxItems": 16, "items": {
         "type": "object", "additionalProperties": false, "required": ["model"], "properties": {
           "model": {"type": "string", "minLength": 1, "description": "models:/NAME/VERSION, models:/NAME@ALIAS"},
           "weight": {"type": "number", "minimum": 0},
           "shadow": {"type": "boolean", "description": "it gets copies only"}}}}}})",
     30 * kOneSecond},
});

const EnginePrimitive* find_in(std::span<const EnginePrimitive> all, std::string_view name) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const EnginePrimitive& primitive) {
    return primitive.name == name;
  });
  return found == all.end() ? nullptr : &*found;
}

constexpr auto kObjectPrimitives =
    std::to_array<std::string_view>({"scale", "resize", "set_autoscaler", "rollout_restart",
                                     "evict", "place", "cordon", "set_traffic", "patch"});

}  // namespace

std::span<const EnginePrimitive> engine_primitives() { return kEnginePrimitives; }

const EnginePrimitive* find_engine_primitive(std::string_view name) {
  return find_in(kEnginePrimitives, name);
}

std::span<const EnginePrimitive> service_primitives() { return kServicePrimitives; }

const EnginePrimitive* find_service_primitive(std::string_view name) {
  return find_in(kServicePrimitives, name);
}

std::span<const std::string_view> object_primitive_names() { return kObjectPrimitives; }

std::vector<std::string> all_primitive_names() {
  std::set<std::string> names(kObjectPrimitives.begin(), kObjectPrimitives.end());
  for (const EnginePrimitive& each : kEnginePrimitives) names.emplace(each.name);
  for (const EnginePrimitive& each : kServicePrimitives) names.emplace(each.name);
  for (const protocol::Primitive& each : protocol::primitives()) names.emplace(each.name);
  return {names.begin(), names.end()};
}

}  // namespace scanflow::pipeline
