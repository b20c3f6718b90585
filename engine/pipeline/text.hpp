// Small things about text that several readers need.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace scanflow::pipeline {

/// Offset of the first byte that is neither part of UTF-8 nor allowed in YAML (control characters);
/// npos where all is well.
std::size_t find_not_text(std::string_view text);

/// Any control character is fine here.
bool is_utf8(std::string_view text);

/// For a message: control characters as \xNN, at most 80 bytes, then "...".
std::string printable(std::string_view text);

/// "a, b or c".
template <class List>
std::string join_or(const List& names, std::string_view last = "or") {
  std::string out;
  std::size_t left = names.size();
  for (const auto& name : names) {
    out += name;
    --left;
    if (left == 1) {
      out.append(" ").append(last).append(" ");
    } else if (left > 1) {
      out += ", ";
    }
  }
  return out;
}

inline bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
inline bool is_name_char(char c) { return is_name_start(c) || is_digit(c); }

/// [A-Za-z_][A-Za-z0-9_]*: parameters, axes, environment variables.
bool is_identifier(std::string_view text);
/// [a-z0-9][a-z0-9-]*, at most 63: steps, pipelines, namespaces.
bool is_label(std::string_view text);
inline constexpr std::string_view kLabelRule =
    "1 to 63 of a-z, 0-9 and '-', beginning with a letter or digit";

}  // namespace scanflow::pipeline
