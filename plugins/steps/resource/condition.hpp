// What is waited for of an object. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "engine/kube/json_path.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::resource {

/// "{.status.succeeded} >= 1", "{.status.phase} == Running", "{.status.podIP}" (it is there), or "condition Ready",
/// "condition Available == False".
class Condition {
 public:
  static Result<Condition> parse(const std::string& text);

  bool holds(const nlohmann::json& object) const;
  const std::string& text() const { return text_; }
  /// How it is by now: "{.status.phase} is Pending", with the message of a condition.
  std::string seen(const nlohmann::json& object) const;

 private:
  enum class Compare { there, equal, unequal, less, most, more, least };
  Condition(std::string text, kube::JsonPath path)
      : text_(std::move(text)), path_(std::move(path)) {}

  std::string text_;
  kube::JsonPath path_;
  Compare compare_ = Compare::there;
  std::string value_;
  std::string type_;  // of a condition
};

}  // namespace scanflow::resource
