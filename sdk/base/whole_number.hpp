// Numbers as headers hold them. Pure.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>

namespace scanflow {

/// Of digits alone, without a sign; nothing where it is none, or does not fit.
template <class Number>
std::optional<Number> whole_number(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || text[0] == '-' || error != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return number;
}

}  // namespace scanflow
