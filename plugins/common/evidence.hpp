// How strategies read what they are shown.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <scanflow/strategy.hpp>
#include <string>

namespace scanflow::strategies {

/// What the rule's `see` says under this name; throws Invalid where it says no number.
inline double seen_number(const Evidence& evidence, const std::string& name) {
  const auto see = evidence.evidence.find("see");
  if (see != evidence.evidence.end() && see->is_object()) {
    const auto value = see->find(name);
    if (value != see->end() && value->is_number() && std::isfinite(value->get<double>()))
      return value->get<double>();
  }
  throw Invalid(
      fmt::format("the evidence has no number see.{0}; add it to the rule: see: {{{0}: "
                  "\"${{{{ ... }}}}\"}}",
                  name));
}

}  // namespace scanflow::strategies
