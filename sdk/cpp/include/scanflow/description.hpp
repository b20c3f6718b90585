// What a plugin says of itself; becomes the descriptor that the host reads.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace scanflow {
inline namespace sdk {

enum class Presence { required, optional };
inline constexpr Presence optional = Presence::optional;

/// An artifact that the plugin reads: given in `with` under this name.
struct InputDescription {
  std::string name;
  std::string doc = {};
  Presence presence = Presence::required;
};

/// A value of the JSON object that `run` returns.
struct OutputDescription {
  std::string name;
  std::string type;  // of JSON Schema: "number", "integer", "string", "boolean", "array", "object"
  std::string doc = {};
};

/// A file or directory that the plugin leaves behind.
struct ArtifactDescription {
  std::string name;
  std::string doc = {};
};

struct Description {
  std::string id = {};       // "torch.train": lower case, dots, digits, '-', '_'
  std::string version = {};  // semantic version of this plugin; part of the cache key
  std::string summary = {};  // one line
  std::vector<InputDescription> inputs = {};
  std::vector<OutputDescription> outputs = {};
  std::vector<ArtifactDescription> artifacts = {};
  std::vector<std::string> primitives = {};  // strategies: what it may ask for
};

namespace detail {

inline nlohmann::json input_schema(const Description& description) {
  nlohmann::json schema = {{"type", "object"}, {"properties", nlohmann::json::object()}};
  for (const auto& input : description.inputs) {
    schema["properties"][input.name] = {{"type", "string"}, {"description", input.doc}};
    if (input.presence == Presence::required) schema["required"].push_back(input.name);
  }
  return schema;
}

inline nlohmann::json output_schema(const Description& description) {
  nlohmann::json properties = nlohmann::json::object();
  // Any step may sum itself up in one line for people.
  properties["summary"] = {{"type", "string"}, {"description", "one line for people"}};
  for (const auto& output : description.outputs) {
    properties[output.name] = {{"type", output.type}, {"description", output.doc}};
  }
  nlohmann::json artifacts = nlohmann::json::object();
  for (const auto& artifact : description.artifacts) artifacts[artifact.name] = artifact.doc;
  return {{"type", "object"}, {"properties", properties}, {"x-artifacts", artifacts}};
}

}  // namespace detail
}  // namespace sdk
}  // namespace scanflow
