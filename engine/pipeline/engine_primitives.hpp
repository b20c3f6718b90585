// What can be asked of the engine itself: the primitives of its layer, described once for agents' documents (whose rules
// name them), the command line, and whoever carries them out.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace scanflow::pipeline {

struct EnginePrimitive {
  std::string_view name;
  std::string_view summary;
  std::string_view schema;   // JSON Schema of its arguments; the subset of sdk/loader/schema.hpp
  std::int64_t deadline_us;  // where none is given: it has ended by then
};

/// In the order in which people are shown them.
std::span<const EnginePrimitive> engine_primitives();
/// Null where there is none of this name.
const EnginePrimitive* find_engine_primitive(std::string_view name);

/// Likewise of services that this server serves (target: {service: NAMESPACE/NAME}).
std::span<const EnginePrimitive> service_primitives();
const EnginePrimitive* find_service_primitive(std::string_view name);

/// Names of primitives of objects (engine/orchestrate): what a rule may ask of a cluster.
std::span<const std::string_view> object_primitive_names();
/// Of all layers, sorted, each once.
std::vector<std::string> all_primitive_names();

}  // namespace scanflow::pipeline
