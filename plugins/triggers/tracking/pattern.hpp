// Names that a trigger is meant for: one, or the beginning of some.
#pragma once

#include <scanflow/error.hpp>
#include <string>

namespace scanflow::triggers {

/// `pattern` may end in '*'.
inline bool is_named(const std::string& pattern, const std::string& name) {
  if (!pattern.ends_with('*')) return name == pattern;
  return name.starts_with(pattern.substr(0, pattern.size() - 1));
}

/// Throws Invalid, with the field's name.
inline void check_name_pattern(const std::string& field, const std::string& pattern) {
  if (pattern.find('*') < pattern.size() - 1)
    throw Invalid(field + ": '*' may be its last letter alone");
}

}  // namespace scanflow::triggers
