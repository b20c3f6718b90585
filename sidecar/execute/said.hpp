// What programs answer is theirs: any field may be of any type.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace scanflow::execute {

/// The text under this name in an object; `otherwise` where there is none, or it is no text.
inline std::string text_of(const nlohmann::json& said, const char* name,
                           const std::string& otherwise = "") {
  const auto found = said.find(name);
  return found != said.end() && found->is_string() ? found->get<std::string>() : otherwise;
}

inline double number_of(const nlohmann::json& said, const char* name, double otherwise) {
  const auto found = said.find(name);
  return found != said.end() && found->is_number() ? found->get<double>() : otherwise;
}

}  // namespace scanflow::execute
