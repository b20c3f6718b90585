// Typed parameters: their declaration in the file, and values for them.
#pragma once

#include <map>
#include <vector>

#include "engine/pipeline/problems.hpp"
#include "engine/pipeline/spec.hpp"
#include "engine/pipeline/yaml_document.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::pipeline {

/// `params` of the file; problems with a declaration, defaults included, are reported.
std::vector<Param> read_params(const Node& params, Problems& problems);

/// A value for a parameter: checked against type, range and enum. Text is read by the type ("3",
/// "true", "[1, 2]"), anything else must have it (an int passes as float).
Result<json> bind_value(const Param& param, const json& given);

/// Every parameter with its given value or default. One error that names all that is wrong: of
/// several each line begins with "error: ".
Result<json> bind_params(const std::vector<Param>& params, const json& given);

}  // namespace scanflow::pipeline
