#include "sdk/loader/schema_types.hpp"

namespace scanflow::loader {

const std::vector<std::string>& type_names() {
  static const std::vector<std::string> names = {"array",  "boolean", "integer", "null",
                                                 "number", "object",  "string"};
  return names;
}

bool has_type(const json& value, const std::string& type) {
  if (type == "array") return value.is_array();
  if (type == "boolean") return value.is_boolean();
  if (type == "integer") return value.is_number_integer();
  if (type == "null") return value.is_null();
  if (type == "number") return value.is_number();
  if (type == "object") return value.is_object();
  return type == "string" && value.is_string();
}

std::string with_article(const std::string& type) {
  if (type == "array") return "a list";
  if (type == "boolean") return "true or false";
  if (type == "integer") return "an integer";
  if (type == "null") return "null";
  if (type == "object") return "an object";
  return type == "string" ? "text" : "a " + type;
}

}  // namespace scanflow::loader
