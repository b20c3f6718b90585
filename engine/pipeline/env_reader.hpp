// Environment variables, as steps and containers have them.
#pragma once

#include "engine/pipeline/problems.hpp"
#include "engine/pipeline/yaml_document.hpp"

namespace scanflow::pipeline {

/// Is it a variable's name, and not one that the engine sets?
void check_variable(const Node& name, Problems& problems);
/// Is its value text? `name`: checked by the above.
bool check_variable_value(const Node& name, const Node& value, Problems& problems);

}  // namespace scanflow::pipeline
