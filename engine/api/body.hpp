// What the body of a request says, and its query. Private to engine/api.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/api/messages.hpp"
#include "engine/api/runs.hpp"

namespace scanflow::api {

/// Name -> the JSON type of its values.
using Fields = std::map<std::string, json::value_t>;

/// Of JSON that is not parsed yet: whoever copies it does so level by level on its stack.
Answer<void> check_nesting(const std::string& body);

/// A JSON object; of YAML (or of JSON with apiVersion) {"source": its text}. An error names a field
/// that is not among `fields`, or is of another type than the one there.
Answer<json> read_body(const Request& request, const Fields& fields);

/// The same of an object within it.
Answer<void> check_fields(const json& object, const Fields& fields);

/// An error names a parameter that is not among `known`, or is empty: nobody should think that it counts.
Answer<void> check_query(const Request& request, const std::vector<std::string>& known);

/// "deadline": "30s" of a request for a primitive becomes "deadline_us".
Answer<json> with_deadline(json body);

/// Of the query: NAME=true, or false where it is not said.
Answer<bool> flag_of(const Request& request, const std::string& name);

}  // namespace scanflow::api
