// A value against what its field's table says about it.
#pragma once

#include <string>

#include "engine/pipeline/fields.hpp"
#include "engine/pipeline/problems.hpp"
#include "engine/pipeline/yaml_document.hpp"

namespace scanflow::pipeline {

/// Kind, words, range and format; of a list those of its values, too. What a map holds is left to
/// its own MapReader. False where the value itself (not one in its list) is wrong: reported.
bool check_value(const Field& field, const Node& value, Problems& problems);

}  // namespace scanflow::pipeline
