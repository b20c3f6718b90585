// A value against what its field's table says about it.
#pragma once

#include <string>

#include "engine/pipeline/fields.hpp"
#include "engine/pipeline/problems.hpp"
#include "engine/pipeline/yaml_document.hpp"

namespace scanflow::pipeline {

/// Kind, words, range and format; of a list those of its values, too. What a map holds is left to
/// its own MapReader. What is wrong is reported; false where the value is of no use. A list is, even
/// if it is empty or one of its values wrong.
bool check_value(const Field& field, const Node& value, Problems& problems);

}  // namespace scanflow::pipeline
