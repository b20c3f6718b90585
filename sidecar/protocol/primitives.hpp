// What can be done to a step while it runs: each primitive of the Pod, described once for the engine
// (which checks and lists them) and the sidecar (which does them).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace scanflow::protocol {

struct Primitive {
  std::string_view name;
  std::string_view summary;
  std::string_view schema;   // JSON Schema of its arguments; durations are texts such as "30s"
  std::int64_t deadline_us;  // where none is given: it has ended by then, or is EXPIRED
  /// Of two of the same group that are under way the one with the higher generation holds: the other
  /// is SUPERSEDED. Empty: it excludes none.
  std::string_view group;
};

/// In the order in which people are shown them.
std::span<const Primitive> primitives();
/// Null where there is none of this name.
const Primitive* find_primitive(std::string_view name);

}  // namespace scanflow::protocol
