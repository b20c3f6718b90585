#include "engine/inject/cel.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <vector>

namespace scanflow::inject {
namespace {

using nlohmann::json;

/// Fields whose keys are the user's: maps, and no objects with fields.
constexpr std::array kMaps = {std::string_view("annotations"), std::string_view("labels"),
                              std::string_view("limits"), std::string_view("requests")};

bool is_map(const std::string& type) {
  const std::string_view field = std::string_view(type).substr(type.rfind('.') + 1);
  return std::find(kMaps.begin(), kMaps.end(), field) != kMaps.end();
}

/// "a" + variables.b + "c"
std::string text_with_holes(std::string_view text, const Holes& holes) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    std::size_t begin = std::string_view::npos;
    const std::pair<const std::string, std::string>* hole = nullptr;
    for (const auto& each : holes.texts) {
      const std::size_t found = text.find(each.first);
      if (found < begin) {
        begin = found;
        hole = &each;
      }
    }
    if (begin > 0) parts.push_back(cel_text(text.substr(0, begin)));
    if (hole == nullptr) break;
    parts.push_back(hole->second);
    text.remove_prefix(begin + hole->first.size());
  }
  return parts.empty() ? cel_text("") : fmt::format("{}", fmt::join(parts, " + "));
}

std::string object(const json& value, const std::string& type, const Holes& holes) {
  const bool map = is_map(type);
  std::vector<std::string> fields;
  for (const auto& [key, each] : value.items()) {
    fields.push_back(fmt::format("{}: {}", map ? cel_text(key) : key,
                                 cel_of(each, fmt::format("{}.{}", type, key), holes)));
  }
  return fmt::format("{}{{{}}}", map ? "" : type, fmt::join(fields, ", "));
}

}  // namespace

std::string cel_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string cel_of(const json& value, const std::string& type, const Holes& holes) {
  if (value.is_object()) return object(value, type, holes);
  if (value.is_string()) return text_with_holes(value.get_ref<const std::string&>(), holes);
  if (value.is_number_integer()) {
    const auto hole = holes.numbers.find(value.get<std::int64_t>());
    if (hole != holes.numbers.end()) return hole->second;
  }
  if (!value.is_array()) return value.dump();
  std::vector<std::string> elements;
  for (const json& each : value) elements.push_back(cel_of(each, type, holes));
  return fmt::format("[{}]", fmt::join(elements, ", "));
}

}  // namespace scanflow::inject
