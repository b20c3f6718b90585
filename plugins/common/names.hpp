// Names that a configuration means: one, or the beginning of some.
#pragma once

#include <algorithm>
#include <scanflow/error.hpp>
#include <string>
#include <vector>

namespace scanflow {

/// `pattern` may end in '*'.
inline bool is_named(const std::string& pattern, const std::string& name) {
  if (!pattern.ends_with('*')) return name == pattern;
  return name.starts_with(pattern.substr(0, pattern.size() - 1));
}

/// One of them means it.
inline bool is_named(const std::vector<std::string>& patterns, const std::string& name) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return is_named(pattern, name); });
}

/// Throws Invalid, with the field's name.
inline void check_name_pattern(const std::string& field, const std::string& pattern) {
  if (pattern.find('*') < pattern.size() - 1)
    throw Invalid(field + ": '*' may be its last letter alone");
}

}  // namespace scanflow
