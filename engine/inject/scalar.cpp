#include "engine/inject/scalar.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "sdk/base/yaml_float.hpp"

namespace scanflow::inject {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 11> kTrue = {"y",    "Y",    "yes", "Yes", "YES", "true",
                                                    "True", "TRUE", "on",  "On",  "ON"};
constexpr std::array<std::string_view, 11> kFalse = {"n",     "N",     "no",  "No",  "NO", "false",
                                                     "False", "FALSE", "off", "Off", "OFF"};
constexpr std::array<std::string_view, 5> kNull = {"", "~", "null", "Null", "NULL"};

template <class List>
bool contains_word(const List& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<json> integer_of(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  int base = 10;
  const auto prefixed = [&](std::string_view lower, std::string_view upper) {
    return text.starts_with(lower) || text.starts_with(upper);
  };
  if (prefixed("0x", "0X")) base = 16;
  if (prefixed("0o", "0O")) base = 8;
  if (prefixed("0b", "0B")) base = 2;
  if (base != 10) {
    text.remove_prefix(2);
  } else if (text.size() > 1 && text[0] == '0') {
    base = 8;
    text.remove_prefix(1);
  }
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!negative) return value <= kMost ? json(static_cast<std::int64_t>(value)) : json(value);
  if (value > kMost + 1) return std::nullopt;
  return json(static_cast<std::int64_t>(0 - value));
}

std::optional<json> float_of(std::string_view text) {
  if (!is_yaml_float(text)) return std::nullopt;
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || !std::isfinite(value)) return std::nullopt;
  return json(value);
}

json plain_value(const std::string& text) {
  if (contains_word(kNull, text)) return nullptr;
  if (contains_word(kTrue, text)) return true;
  if (contains_word(kFalse, text)) return false;
  const char first = text[0];
  if (!is_digit(first) && first != '-' && first != '+' && first != '.') return text;
  std::string digits = text;
  std::erase(digits, '_');
  if (auto value = integer_of(digits)) return *value;
  if (auto value = float_of(digits)) return *value;
  return text;
}

}  // namespace

json scalar_value(const Node& scalar) {
  if (scalar.tag.empty()) return scalar.plain ? plain_value(scalar.text) : json(scalar.text);
  if (scalar.tag == "!!int" || scalar.tag == "!!float" || scalar.tag == "!!bool" ||
      scalar.tag == "!!null") {
    return plain_value(scalar.text);
  }
  return scalar.text;
}

bool is_plain_text(std::string_view text) {
  if (text.empty() || contains_word(kTrue, text) || contains_word(kFalse, text) ||
      contains_word(kNull, text))
    return false;
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  // A ':' at its end would make a key of it; after a letter nobody takes it for a number.
  if ((!is_letter(text[0]) && text[0] != '/') || text.back() == ':') return false;
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return is_letter(c) || is_digit(c) ||
           std::string_view("/_.:@-").find(c) != std::string_view::npos;
  });
}

bool can_be_plain(std::string_view text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ' || text.back() == ':') return false;
  constexpr std::string_view kIndicators = "?:,[]{}#&*!|>'\"%@`=";
  if (kIndicators.find(text.front()) != std::string_view::npos) return false;
  if (text == "-" || text.starts_with("- ") || text.starts_with("---") || text.starts_with("..."))
    return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // The rest of Unicode has line ends and marks of its own: better in quotes.
    if (byte < 0x20 || byte >= 0x7f) return false;
    if (text[i] == ':' && i + 1 < text.size() && text[i + 1] == ' ') return false;
    if (text[i] == '#' && i > 0 && text[i - 1] == ' ') return false;
  }
  return true;
}

}  // namespace scanflow::inject
