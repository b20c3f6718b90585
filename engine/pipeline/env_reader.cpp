#include "engine/pipeline/env_reader.hpp"

#include <fmt/format.h>

#include "engine/pipeline/map_reader.hpp"
#include "engine/pipeline/text.hpp"

namespace scanflow::pipeline {

void check_variable(const Node& name, Problems& problems) {
  if (!is_identifier(name.text)) {
    problems
        .add(name,
             fmt::format("'{}' is not the name of an environment variable", printable(name.text)))
        .hint = "letters, digits and '_', not beginning with a digit";
  } else if (name.text.starts_with("SCANFLOW_")) {
    problems.add(name, fmt::format("'{}': names with SCANFLOW_ are set by the engine", name.text));
  }
}

bool check_variable_value(const Node& name, const Node& value, Problems& problems) {
  if (value.is_scalar() || value.is_null()) return true;
  problems.add(value, fmt::format("env.{} must be text, not {}", printable(name.text),
                                  describe_value(value)));
  return false;
}

}  // namespace scanflow::pipeline
