// What the body of a request says. Private to engine/api.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/api/message.hpp"
#include "engine/api/runs.hpp"

namespace scanflow::api {

/// Of JSON that is not parsed yet: whoever copies it does so level by level on its stack.
Answer<void> check_nesting(const std::string& body);

/// A JSON object; of YAML (or of JSON with apiVersion) {"source": its text}. An error names a field
/// that is not among `fields`.
Answer<json> read_body(const Request& request, const std::vector<std::string>& fields);

/// Of the query: NAME=true, or false where it is not said.
Answer<bool> flag_of(const Request& request, const std::string& name);

}  // namespace scanflow::api
