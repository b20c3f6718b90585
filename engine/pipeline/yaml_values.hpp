// Values of a YAML tree as JSON, by the core schema of YAML 1.2: "yes", "on" and dates are text.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "engine/pipeline/problems.hpp"
#include "engine/pipeline/yaml_document.hpp"

namespace scanflow::pipeline {

/// null, true, 3, 0o14, 0x1f, 1e3 ... or text. Nothing where the value cannot be said in JSON
/// (.inf, .nan) or does not fit 64 bits.
std::optional<json> scalar_value(const Node& node);

/// The whole tree. Values without a JSON form are problems (and null).
json to_json(const Node& node, Problems& problems);

/// The same, and where each value stands: `where[pointer + "/key/0"]`.
json to_json(const Node& node, Problems& problems, const std::string& pointer,
             std::map<std::string, Location>& where);

/// One more step of a JSON pointer (RFC 6901).
std::string child_pointer(const std::string& pointer, std::string_view key);

}  // namespace scanflow::pipeline
