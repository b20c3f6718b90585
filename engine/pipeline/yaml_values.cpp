#include "engine/pipeline/yaml_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "engine/pipeline/text.hpp"
#include "sdk/base/yaml_float.hpp"

namespace scanflow::pipeline {
namespace {

bool one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool all_digits(std::string_view text, int base) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    if (base == 8) return c >= '0' && c <= '7';
    if (base == 16) return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    return is_digit(c);
  });
}

/// Does it look like an integer of the core schema? Strips sign and prefix off `digits`.
bool is_integer(std::string_view& digits, bool& negative, int& base) {
  negative = false;
  base = 10;
  if (digits.starts_with("0o")) {
    base = 8;
    digits.remove_prefix(2);
  } else if (digits.starts_with("0x")) {
    base = 16;
    digits.remove_prefix(2);
  } else if (!digits.empty() && (digits[0] == '-' || digits[0] == '+')) {
    negative = digits[0] == '-';
    digits.remove_prefix(1);
  }
  return all_digits(digits, base);
}

std::optional<json> integer(std::string_view digits, bool negative, int base) {
  std::uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc()) return std::nullopt;
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (negative) {
    if (value > kMost + 1) return std::nullopt;
    return json(static_cast<std::int64_t>(0 - value));
  }
  if (value > kMost) return json(value);
  return json(static_cast<std::int64_t>(value));
}

bool is_special_float(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    text.remove_prefix(1);
  } else if (one_of(text, {".nan", ".NaN", ".NAN"})) {
    return true;
  }
  return one_of(text, {".inf", ".Inf", ".INF"});
}

json convert_node(const Node& node, Problems& problems, const std::string* pointer,
                  std::map<std::string, Location>* where) {
  if (where != nullptr) (*where)[*pointer] = node.at;
  switch (node.kind) {
    case NodeKind::null:
      return nullptr;
    case NodeKind::scalar: {
      auto value = scalar_value(node);
      if (value) return *std::move(value);
      const bool special = is_special_float(node.text);
      problems
          .add(node, special ? fmt::format("{} has no place in JSON", node.text)
                             : fmt::format("{} does not fit into 64 bits", node.text))
          .hint = "put it into quotes to make it text";
      return nullptr;
    }
    case NodeKind::sequence: {
      json list = json::array();
      std::string child;
      for (std::size_t i = 0; i < node.items.size(); ++i) {
        if (where != nullptr) child = *pointer + "/" + std::to_string(i);
        list.push_back(convert_node(*node.items[i], problems, &child, where));
      }
      return list;
    }
    case NodeKind::map:
      break;
  }
  json object = json::object();
  std::string child;
  for (std::size_t i = 0; i + 1 < node.items.size(); i += 2) {
    const Node& key = *node.items[i];
    if (!key.is_scalar()) continue;  // reported by the parser
    if (where != nullptr) child = child_pointer(*pointer, key.text);
    if (object.contains(key.text)) continue;
    object[key.text] = convert_node(*node.items[i + 1], problems, &child, where);
  }
  return object;
}

}  // namespace

std::optional<json> scalar_value(const Node& node) {
  if (node.is_null()) return json(nullptr);
  if (!node.plain) return json(node.text);
  const std::string_view text = node.text;
  if (text.empty() || one_of(text, {"~", "null", "Null", "NULL"})) return json(nullptr);
  if (one_of(text, {"true", "True", "TRUE"})) return json(true);
  if (one_of(text, {"false", "False", "FALSE"})) return json(false);
  const char first = text[0];
  if (!is_digit(first) && first != '-' && first != '+' && first != '.') return json(node.text);
  std::string_view digits = text;
  bool negative = false;
  int base = 10;
  if (is_integer(digits, negative, base)) return integer(digits, negative, base);
  if (is_special_float(text)) return std::nullopt;
  if (!is_yaml_float(text)) return json(node.text);
  const std::string_view number = first == '+' ? text.substr(1) : text;
  double value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error == std::errc::result_out_of_range || !std::isfinite(value)) return std::nullopt;
  return json(value);
}

json to_json(const Node& node, Problems& problems) {
  return convert_node(node, problems, nullptr, nullptr);
}

json to_json(const Node& node, Problems& problems, const std::string& pointer,
             std::map<std::string, Location>& where) {
  return convert_node(node, problems, &pointer, &where);
}

std::string child_pointer(const std::string& pointer, std::string_view key) {
  std::string out = pointer;
  out += '/';
  for (const char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace scanflow::pipeline
