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
  /// A member, replaced where there is one; or a list's element, before the one that is there.
  void add(const std::string& path, nlohmann::json value) {
    step({{"op", "add"}, {"path", path}, {"value", std::move(value)}});
  }
  void replace(const std::string& path, nlohmann::json value) {
    step({{"op", "replace"}, {"path", path}, {"value", std::move(value)}});
  }
  void remove(const std::string& path) { step({{"op", "remove"}, {"path", path}}); }
  nlohmann::json take_operations() { return std::exchange(operations_, nlohmann::json::array()); }

 private:
  void step(nlohmann::json operation) {
    value_.patch_inplace(nlohmann::json::array({operation}));
    operation["path"] = pointer_ + operation["path"].get_ref<const std::string&>();
    operations_.push_back(std::move(operation));
  }

  nlohmann::json value_;
  std::string pointer_;
  nlohmann::json operations_ = nlohmann::json::array();
};

}  // namespace scanflow::inject
