#include "sidecar/protocol/primitives.hpp"

#include <algorithm>
#include <array>

namespace scanflow::protocol {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::string_view kNone = R"({"type": "object", "additionalProperties": false})";

constexpr auto kPrimitives = std::to_array<Primitive>({
    {"pause",
     "Stops it where it is: by its own command, else by SIGSTOP. It resumes by itself after `for`, "
     "and "
     "when no engine watches any more.",
     R"({"type": "object", "additionalProperties": false, "properties": {
       "for": {"type": "string", "description": "how long at most, such as 30s; left out: until it is resumed"}}})",
     30 * kSecond, "run"},
    {"resume", "Goes on after a pause.", kNone, 30 * kSecond, "run"},
    {"throttle",
     "Lets it have a share of its time only: by its own command, else by stopping and continuing "
     "it "
     "ten times a second.",
     R"({"type": "object", "additionalProperties": false, "required": ["share"], "properties": {
       "share": {"type": "number", "minimum": 0.05, "maximum": 1, "description": "of its time; 1 ends it"},
       "for": {"type": "string", "description": "how long at most, such as 5m; left out: until it is set anew"}}})",
     30 * kSecond, "throttle"},
    {"checkpoint",
     "Lets it write its state, by its own command or the signal or program that the pipeline "
     "declares. "
     "Done when the file is there.",
     kNone, 300 * kSecond, "checkpoint"},
    {"stop_early", "Lets it end well, with what it has so far.", kNone, 60 * kSecond, "end"},
    {"set_param", "Changes parameters of it while it runs: those that it offers, by their names.",
     R"({"type": "object"})", 30 * kSecond, ""},
    {"reload_model",
     "Swaps the model that it serves. Done when it confirms the digest of what it has loaded.",
     R"({"type": "object", "additionalProperties": false, "required": ["path"], "properties": {
       "path": {"type": "string", "minLength": 1, "description": "absolute, where the step runs"},
       "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"}}})",
     300 * kSecond, "model"},
    {"set_traffic",
     "Gives a node of a service these versions of its model, each with its share of the requests. "
     "Those of the engine's store are brought first; done when the others answer no more.",
     R"({"type": "object", "additionalProperties": false, "required": ["node", "versions"], "properties": {
       "node": {"type": "string", "minLength": 1},
       "versions": {"type": "array", "minItems": 1, "maxItems": 16, "items": {
         "type": "object", "additionalProperties": false, "required": ["version"], "properties": {
           "version": {"type": "string", "minLength": 1},
           "weight": {"type": "number", "minimum": 0, "maximum": 1000000},
           "shadow": {"type": "boolean"},
           "model": {"type": "string", "description": "a path where it runs"},
           "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "what is to be brought from the engine's store, instead"},
           "directory": {"type": "boolean", "description": "it is one"}}}}}})",
     300 * kSecond, "model"},
    {"drain", "Takes no more work and ends when it has done what it has; else SIGTERM.", kNone,
     300 * kSecond, "end"},
    {"terminate", "SIGTERM, and SIGKILL after `grace`.",
     R"({"type": "object", "additionalProperties": false, "properties": {
       "grace": {"type": "string", "description": "such as 10s; left out: the step's own"}}})",
     120 * kSecond, "end"},
    {"restart", "Ends it and starts it anew in the same place.", kNone, 120 * kSecond, "end"},
    {"exec_hook", "Runs a program that the pipeline declares under `sidecar.hooks`.",
     R"({"type": "object", "additionalProperties": false, "required": ["name"], "properties": {
       "name": {"type": "string", "minLength": 1}}})",
     300 * kSecond, ""},
    {"dump", "Tells now what a post-mortem would: the last minute, pressure, memory.", kNone,
     10 * kSecond, ""},
});

}  // namespace

std::span<const Primitive> primitives() { return kPrimitives; }

const Primitive* find_primitive(std::string_view name) {
  const auto found =
      std::find_if(kPrimitives.begin(), kPrimitives.end(),
                   [&](const Primitive& primitive) { return primitive.name == name; });
  return found == kPrimitives.end() ? nullptr : &*found;
}

}  // namespace scanflow::protocol
