// The type names of the schema subset.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace scanflow::loader {

using nlohmann::json;

const std::vector<std::string>& type_names();
/// An int is a number too; 2.0 is no integer.
bool has_type(const json& value, const std::string& type);
/// "an integer", "true or false", "a list": for people.
std::string with_article(const std::string& type);

}  // namespace scanflow::loader
