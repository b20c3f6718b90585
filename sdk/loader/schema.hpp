// The subset of JSON Schema that plugins describe themselves with (sdk/abi/README.md): type (also a
// list of types), properties, required, additionalProperties (false by default for objects with
// properties), items, enum, minimum, maximum, exclusiveMinimum, minLength, maxLength, pattern
// (anchored names: [a-z0-9_-]+ like classes only), minItems, maxItems, default, description.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sdk/base/result.hpp"

namespace scanflow::loader {

using nlohmann::json;

struct SchemaProblem {
  std::string pointer;  // JSON pointer of the offending value: "/layers/2"; of the object, where a
                        // key is missing
  std::string
      message;  // "-3 is below the minimum 1", "unknown field 'epoch'; did you mean 'epochs'?"
};

/// Checks `value` and fills in defaults of missing keys. All problems at once. `unknown` tells
/// values that are not known yet (an expression): they pass. An int passes as number; 2.0 does not
/// pass as integer.
std::vector<SchemaProblem> validate(const json& schema, json& value,
                                    const std::function<bool(const json&)>& unknown = {});

/// Is the schema itself within the subset, and are its defaults valid? Used when a library is
/// described.
Result<void> check_schema(const json& schema);

}  // namespace scanflow::loader
