// check_schema: is a schema within the subset?
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "sdk/base/nearest.hpp"
#include "sdk/loader/pattern.hpp"
#include "sdk/loader/schema.hpp"
#include "sdk/loader/schema_types.hpp"

namespace scanflow::loader {

namespace {

constexpr int kMaxDepth = 32;
constexpr std::string_view kSeeReadme = "sdk/abi/README.md lists the subset";

Result<void> check(const json& schema, const std::string& at, int depth);

tl::unexpected<Error> refuse(const std::string& at, std::string_view why) {
  return fail(fmt::format("{}: {}", at.empty() ? "/" : at, why));
}

bool is_count(const json& value) { return value.is_number_unsigned(); }
bool is_type(const json& value) {
  const auto& names = type_names();
  return value.is_string() && std::find(names.begin(), names.end(), value) != names.end();
}
bool is_types(const json& value) {
  return is_type(value) ||
         (value.is_array() && !value.empty() && std::all_of(value.begin(), value.end(), is_type));
}
bool is_names(const json& value) {
  return value.is_array() &&
         std::all_of(value.begin(), value.end(), [](const json& name) { return name.is_string(); });
}
bool is_pattern(const json& value) {
  return value.is_string() && Pattern::parse(value.get_ref<const std::string&>()).has_value();
}

struct Keyword {
  std::string_view name;
  bool (*valid)(const json&);
  std::string_view expected;
};

const auto& keywords() {
  static constexpr auto kNumber = [](const json& value) { return value.is_number(); };
  static constexpr auto kText = [](const json& value) { return value.is_string(); };
  static constexpr auto kObject = [](const json& value) { return value.is_object(); };
  static constexpr auto kAny = [](const json&) { return true; };
  static constexpr auto kSomeValues = [](const json& value) {
    return value.is_array() && !value.empty();
  };
  static constexpr auto kFlagOrSchema = [](const json& value) {
    return value.is_boolean() || value.is_object();
  };
  static const std::array<Keyword, 17> list = {{
      {"type", is_types, "a type name or a list of them"},
      {"properties", kObject, "an object of schemas"},
      {"required", is_names, "a list of names"},
      {"additionalProperties", kFlagOrSchema, "true, false or a schema"},
      {"items", kObject, "a schema"},
      {"enum", kSomeValues, "a list with at least one value"},
      {"minimum", kNumber, "a number"},
      {"maximum", kNumber, "a number"},
      {"exclusiveMinimum", kNumber, "a number"},
      {"minLength", is_count, "a count"},
      {"maxLength", is_count, "a count"},
      {"pattern", is_pattern, "character classes between ^ and $, as in ^[a-z][a-z0-9_-]*$"},
      {"minItems", is_count, "a count"},
      {"maxItems", is_count, "a count"},
      {"default", kAny, ""},
      {"description", kText, "text"},
      {"title", kText, "text"},
  }};
  return list;
}

Result<void> check_keyword(const std::string& key, const json& value, const std::string& at) {
  if (key.starts_with("x-")) return {};
  std::vector<std::string> names;
  for (const auto& keyword : keywords()) {
    if (keyword.name == key) {
      if (keyword.valid(value)) return {};
      return refuse(at,
                    fmt::format("'{}' must be {}, not {}", key, keyword.expected, value.dump()));
    }
    names.emplace_back(keyword.name);
  }
  const auto near = nearest(key, names);
  const auto hint = near.empty() ? "" : fmt::format("; did you mean '{}'?", near);
  return refuse(at, fmt::format("keyword '{}' is outside the subset of JSON Schema{} ({})", key,
                                hint, kSeeReadme));
}

Result<void> check_required(const json& schema, const std::string& at) {
  if (!schema.contains("required")) return {};
  for (const auto& name : schema["required"]) {
    if (!schema.contains("properties") || !schema["properties"].contains(name)) {
      return refuse(at, fmt::format("'required' names '{}', which 'properties' does not have",
                                    name.get<std::string>()));
    }
  }
  return {};
}

Result<void> check_children(const json& schema, const std::string& at, int depth) {
  if (const auto properties = schema.find("properties"); properties != schema.end()) {
    for (const auto& [name, property] : properties->items()) {
      if (auto good = check(property, at + "/properties/" + name, depth + 1); !good) return good;
    }
  }
  for (const char* key : {"items", "additionalProperties"}) {
    const auto child = schema.find(key);
    if (child == schema.end() || !child->is_object()) continue;
    if (auto good = check(*child, at + "/" + key, depth + 1); !good) return good;
  }
  return {};
}

Result<void> check(const json& schema, const std::string& at, int depth) {
  if (!schema.is_object()) return refuse(at, "a schema must be a JSON object");
  if (depth > kMaxDepth) return refuse(at, fmt::format("nested deeper than {}", kMaxDepth));
  for (const auto& [key, value] : schema.items()) {
    if (auto good = check_keyword(key, value, at); !good) return good;
  }
  if (auto good = check_required(schema, at); !good) return good;
  if (auto good = check_children(schema, at, depth); !good) return good;
  const auto initial = schema.find("default");
  if (initial == schema.end()) return {};
  json value = *initial;
  const auto problems = validate(schema, value);
  if (problems.empty()) return {};
  return refuse(
      at, fmt::format("the default {} is not valid: {}{}{}", initial->dump(), problems[0].pointer,
                      problems[0].pointer.empty() ? "" : ": ", problems[0].message));
}

}  // namespace

Result<void> check_schema(const json& schema) { return check(schema, "", 0); }

}  // namespace scanflow::loader
