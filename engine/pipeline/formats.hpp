// What texts of a field must look like: how messages call it, how the reader checks it, and the
// pattern that editors check it by.
#pragma once

#include <string>
#include <string_view>

#include "sdk/base/result.hpp"

namespace scanflow::pipeline {

struct Format {
  std::string_view name;     // as Field::format
  std::string_view what;     // for messages: "a duration (10m)", or what such a text must be
  std::string_view pattern;  // ECMA 262. Refuses no text that the reader takes
  bool plain = false;        // of a wrong kind of value it says only that it must be text
  bool constant = false;     // needed before anything is evaluated: never an expression
  bool numbers = false;      // plain numbers have it too
  /// The number that a text stands for, in the unit of Range; null where it stands for none.
  Result<double> (*parse)(std::string_view text) = nullptr;
  /// Such a number, for messages.
  std::string (*print)(double value) = nullptr;
};

/// Null where there is none of this name. `literal`, `expression`: without and with ${{ }}.
const Format* find_format(std::string_view name);

/// Any text with an expression in it: what may stand for a value that is known later.
inline constexpr std::string_view kHasExpression = R"(\$\{\{)";

}  // namespace scanflow::pipeline
