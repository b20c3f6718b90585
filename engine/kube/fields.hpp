// Fields of objects that others have written: of any type, or not there. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace scanflow::kube {

/// A text; "" where there is none.
inline std::string text_of(const nlohmann::json& object, const char* field) {
  const auto found = object.find(field);  // of what is no object: its end
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}
inline std::string text_at(const nlohmann::json& object,
                           const nlohmann::json::json_pointer& pointer) {
  const nlohmann::json found = object.contains(pointer) ? object.at(pointer) : nlohmann::json();
  return found.is_string() ? found.get<std::string>() : std::string();
}
/// An integer; 0 where there is none.
inline std::int64_t number_of(const nlohmann::json& object, const char* field) {
  const auto found = object.find(field);
  return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}
/// What lies within it; an empty object where that is none.
inline const nlohmann::json& part_of(const nlohmann::json& object, const char* field) {
  static const nlohmann::json kNone = nlohmann::json::object();
  const auto found = object.find(field);
  return found != object.end() && found->is_object() ? *found : kNone;
}

}  // namespace scanflow::kube
