// Numbers of YAML's schemas, as all of them write reals.
#pragma once

#include <string_view>

namespace scanflow {

/// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
bool is_yaml_float(std::string_view text);

}  // namespace scanflow
