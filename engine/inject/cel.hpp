// JSON as an expression of the Common Expression Language, as Kubernetes has it in admission policies
// (https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy). Pure.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace scanflow::inject {

/// What is known only where the expression is evaluated: texts (within texts, too) and numbers that
/// stand for an expression.
struct Holes {
  std::map<std::string, std::string> texts;
  std::map<std::int64_t, std::string> numbers;
};

/// A text as a literal.
std::string cel_text(std::string_view text);

/// `type`: of an object's, as "Object.spec.volumes"; those within it have theirs by their fields.
std::string cel_of(const nlohmann::json& value, const std::string& type, const Holes& holes = {});

}  // namespace scanflow::inject
