// How strategies read what they are shown.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <scanflow/strategy.hpp>
#include <string>

namespace scanflow::strategies {

/// What the rule's `see` says under this name; null where it says nothing.
inline nlohmann::json seen_value(const Evidence& evidence, const std::string& name) {
  const auto see = evidence.evidence.find("see");
  if (see == evidence.evidence.end() || !see->is_object()) return nullptr;
  const auto value = see->find(name);
  return value == see->end() ? nlohmann::json() : *value;
}

/// Nothing where it is null, or no number.
inline std::optional<double> seen_number_if(const Evidence& evidence, const std::string& name) {
  const nlohmann::json value = seen_value(evidence, name);
  if (!value.is_number() || !std::isfinite(value.get<double>())) return std::nullopt;
  return value.get<double>();
}

/// Throws Invalid where it says no number.
inline double seen_number(const Evidence& evidence, const std::string& name) {
  if (const auto value = seen_number_if(evidence, name)) return *value;
  throw Invalid(
      fmt::format("the evidence has no number see.{0}; add it to the rule: see: {{{0}: "
                  "\"${{{{ ... }}}}\"}}",
                  name));
}

}  // namespace scanflow::strategies
