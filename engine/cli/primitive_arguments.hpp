// Arguments of primitives, as they are given on a command line.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sdk/base/result.hpp"

namespace scanflow::cli {

/// "share, [for]": those of a schema, the required ones first.
std::string arguments_text(const nlohmann::json& schema);

/// "NAME=VALUE" of each, into `arguments`: a text where the schema wants one, anything else as JSON where it is some.
/// `option`: by which they are given, for messages.
Result<void> add_arguments(nlohmann::json& arguments, const nlohmann::json& schema,
                           const std::vector<std::string>& words, const char* option);

/// --deadline, in microseconds; 0 where it is not given.
Result<std::int64_t> deadline_of(const std::string& option);

/// "for=" of each argument of a schema, for completion.
std::vector<std::string> argument_names(const nlohmann::json& schema);

}  // namespace scanflow::cli
