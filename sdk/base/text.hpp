// Text from outside: bytes that should be UTF-8, and JSON that may be nested too deeply to parse.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace scanflow {

/// Bytes that are no UTF-8 become U+FFFD, one for each.
std::string valid_utf8(std::string text);

/// At most `bytes` of it, not cut within a character.
std::string_view cut_utf8(std::string_view text, std::size_t bytes);

/// Without the blanks, tabs and line breaks around it, or such characters as `blanks` names.
std::string_view stripped(std::string_view text, std::string_view blanks = " \t\r\n");

/// How deep the lists and objects of a JSON text lie within each other. Whoever parses or copies a
/// document does so level by level on its stack.
std::size_t nesting_of(std::string_view json);

}  // namespace scanflow
