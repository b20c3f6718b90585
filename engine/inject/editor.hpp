// Changes a value step by step, and keeps each step as an operation of a JSON Patch (RFC 6902).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

namespace scanflow::inject {

class Editor {
 public:
  /// `pointer`: where in the whole document the value stands.
  Editor(nlohmann::json value, std::string pointer)
      : value_(std::move(value)), pointer_(std::move(pointer)) {}

  /// As it is now.
  const nlohmann::json& value() const { return value_; }
  /// A member, replaced where there is one; or a list's element, before the one that is there, or
  /// at the end ("-"). What holds it must be there.
  void add(const std::string& path, nlohmann::json value);
  /// As add(), of what is there.
  void replace(const std::string& path, nlohmann::json value);
  void remove(const std::string& path);
  nlohmann::json take_operations() { return std::exchange(operations_, nlohmann::json::array()); }

 private:
  nlohmann::json& holder(const nlohmann::json::json_pointer& place) {
    return value_.at(place.parent_pointer());
  }
  void note(const char* op, const std::string& path, nlohmann::json* value);

  nlohmann::json value_;
  std::string pointer_;
  nlohmann::json operations_ = nlohmann::json::array();
};

}  // namespace scanflow::inject
