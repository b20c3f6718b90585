#include "engine/track/request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace scanflow::track {
namespace {

/// Of UTF-8.
std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

}  // namespace

Fields::Fields(const json& request, std::string where)
    : request_(request), where_(std::move(where)) {
  if (!request_.is_object()) {
    throw Refused{{Code::invalid, fmt::format("{} must be a JSON object",
                                              where_.empty() ? "the request" : where_)}};
  }
}

const json& Fields::at(const char* name) const {
  static const json kNone;
  const auto found = request_.find(name);
  return found == request_.end() ? kNone : *found;
}

void Fields::wrong(const char* name, const std::string& why) const {
  throw Refused{{Code::invalid, fmt::format("'{}{}' {}", where_, name, why)}};
}

bool Fields::has(const char* name) const { return !at(name).is_null(); }

std::string Fields::text(const char* name, std::string otherwise) const {
  const json& value = at(name);
  if (value.is_null()) return otherwise;
  if (value.is_number_integer()) return value.dump();  // an id
  if (!value.is_string()) wrong(name, fmt::format("must be a text, and is {}", value.type_name()));
  return value.get<std::string>();
}

std::string Fields::required(const char* name, std::size_t most) const {
  std::string value = limited(name, most);
  if (value.empty()) wrong(name, "is missing, or empty");
  return value;
}

std::string Fields::limited(const char* name, std::size_t most) const {
  std::string value = text(name);
  if (const std::size_t has = characters(value); has > most)
    wrong(name, fmt::format("has {} characters, and may have {}", has, most));
  return value;
}

std::string Fields::required(const char* name, const char* older, std::size_t most) const {
  return required(has(name) || !has(older) ? name : older, most);
}

std::optional<std::int64_t> Fields::number(const char* name) const {
  const json& value = at(name);
  if (value.is_null()) return {};
  if (value.is_number_integer()) {
    if (value.is_number_unsigned() &&
        value.get<std::uint64_t>() > std::uint64_t{std::numeric_limits<std::int64_t>::max()})
      wrong(name, "is too large");
    return value.get<std::int64_t>();
  }
  if (value.is_number_float()) {
    const auto real = value.get<double>();
    if (real == std::floor(real) && std::fabs(real) < 9e15) return static_cast<std::int64_t>(real);
  }
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size() && !text.empty()) return number;
  }
  wrong(name, "must be a whole number");
}

double Fields::real(const char* name) const {
  const json& value = at(name);
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
    if (text == "Infinity") return std::numeric_limits<double>::infinity();
    if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size() && !text.empty()) return number;
  }
  wrong(name, "must be a number");
}

std::int64_t Fields::within(const char* name, std::int64_t least, std::int64_t most,
                            std::int64_t otherwise) const {
  const std::int64_t value = number(name).value_or(otherwise);
  if (value < least || value > most)
    wrong(name, fmt::format("must be from {} to {}, and is {}", least, most, value));
  return value;
}

bool Fields::flag(const char* name) const {
  const json& value = at(name);
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_null() || value == "false") return false;
  if (value == "true") return true;  // of a query
  wrong(name, "must be true or false");
}

std::vector<std::string> Fields::texts(const char* name) const {
  const json& value = at(name);
  if (value.is_null()) return {};
  if (value.is_string()) return {value.get<std::string>()};  // of a query
  if (!value.is_array()) wrong(name, "must be a list of texts");
  std::vector<std::string> all;
  for (const json& each : value) {
    if (each.is_number_integer()) {
      all.push_back(each.dump());
    } else if (each.is_string()) {
      all.push_back(each.get<std::string>());
    } else {
      wrong(name, "must be a list of texts");
    }
  }
  return all;
}

std::vector<Fields> Fields::objects(const char* name, std::size_t most) const {
  const json& value = at(name);
  if (value.is_null()) return {};
  if (!value.is_array()) wrong(name, "must be a list");
  if (value.size() > most)
    wrong(name, fmt::format("has {} entries, and may have {}", value.size(), most));
  std::vector<Fields> all;
  for (std::size_t i = 0; i < value.size(); ++i)
    all.emplace_back(value[i], fmt::format("{}{}[{}].", where_, name, i));
  return all;
}

Fields Fields::object(const char* name) const {
  if (!has(name)) wrong(name, "is missing");
  return Fields(at(name), fmt::format("{}{}.", where_, name));
}

std::vector<std::pair<std::string, std::string>> Fields::pairs(const char* name, std::size_t most,
                                                               std::size_t most_value) const {
  std::vector<std::pair<std::string, std::string>> all;
  for (const Fields& each : objects(name, most)) {
    std::string value = each.limited("value", most_value);
    all.emplace_back(each.required("key", kMostKey), std::move(value));
  }
  return all;
}

json number_of(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return value;
}

}  // namespace scanflow::track
