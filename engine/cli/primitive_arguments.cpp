#include "engine/cli/primitive_arguments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include "sdk/base/units.hpp"

namespace scanflow::cli {

using nlohmann::json;

namespace {

json value_of(const json& schema, const std::string& name, const std::string& text) {
  const json property = schema.value("properties", json::object()).value(name, json::object());
  if (property.value("type", "") == "string") return text;
  json value = json::parse(text, nullptr, false);
  return value.is_discarded() ? json(text) : value;
}

}  // namespace

std::string arguments_text(const json& schema) {
  const json required = schema.value("required", json::array());
  const json properties = schema.value("properties", json::object());
  std::string text;
  for (const bool needed : {true, false}) {
    for (const auto& [name, property] : properties.items()) {
      const bool is = std::find(required.begin(), required.end(), name) != required.end();
      if (is != needed) continue;
      text += fmt::format("{}{}", text.empty() ? "" : ", ", is ? name : "[" + name + "]");
    }
  }
  return text;
}

Result<void> add_arguments(json& arguments, const json& schema,
                           const std::vector<std::string>& words, const char* option) {
  for (const std::string& each : words) {
    const std::size_t equals = each.find('=');
    if (equals == std::string::npos || equals == 0)
      return fail(fmt::format("{}{}: must be NAME=VALUE", option, each));
    const std::string name = each.substr(0, equals);
    if (arguments.contains(name))
      return fail(fmt::format("{}{}: {} is given twice", option, each, name));
    arguments[name] = value_of(schema, name, each.substr(equals + 1));
  }
  return {};
}

Result<std::int64_t> deadline_of(const std::string& option) {
  if (option.empty()) return 0;
  const auto deadline = parse_duration(option);
  if (!deadline) return fail("--deadline: " + deadline.error().message);
  if (*deadline <= 0) return fail("--deadline: it must be above 0");
  return *deadline;
}

std::vector<std::string> argument_names(const json& schema) {
  std::vector<std::string> names;
  const json properties = schema.value("properties", json::object());
  for (const auto& property : properties.items()) names.push_back(property.key() + "=");
  return names;
}

}  // namespace scanflow::cli
