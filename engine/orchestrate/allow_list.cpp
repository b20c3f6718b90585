#include "engine/orchestrate/allow_list.hpp"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <string_view>

#include "sdk/loader/schema.hpp"

namespace scanflow::orchestrate {
namespace {

constexpr const char* kListSchema = R"({
  "type": "object", "additionalProperties": false, "required": ["allow"], "properties": {
    "allow": {"type": "array", "items": {
      "type": "object", "additionalProperties": false, "required": ["kind", "fields"], "properties": {
        "kind": {"type": "string", "minLength": 1},
        "namespace": {"type": "string", "minLength": 1, "default": "*"},
        "name": {"type": "string", "minLength": 1, "default": "*"},
        "fields": {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 2}}}}}}})";

bool fits(const std::string& pattern, const std::string& text) {
  return ::fnmatch(pattern.c_str(), text.c_str(), FNM_NOESCAPE) == 0;
}

/// Is a field the allowed one, or below it?
bool is_within(std::string_view allowed, std::string_view field) {
  while (!allowed.empty()) {
    if (field.empty()) return false;
    const std::size_t end = std::min(allowed.find('/', 1), allowed.size());
    const std::size_t field_end = std::min(field.find('/', 1), field.size());
    const std::string_view segment = allowed.substr(0, end);
    if (segment != "/*" && segment != field.substr(0, field_end)) return false;
    allowed.remove_prefix(end);
    field.remove_prefix(field_end);
  }
  return true;
}

std::string full_kind(const Target& target) {
  return target.kind.kind + (target.kind.group.empty() ? "" : ".") + target.kind.group;
}

bool is_about(const Allowed& allowed, const Target& target) {
  return allowed.kind == full_kind(target) && fits(allowed.name, target.name) &&
         (!target.kind.namespaced || fits(allowed.name_space, target.name_space));
}

void add_fields(const json& patch, const std::string& at, std::vector<std::string>& fields) {
  if (!patch.is_object() || patch.empty()) return fields.push_back(at.empty() ? "/" : at);
  for (const auto& [name, value] : patch.items())
    add_fields(value, (json::json_pointer(at) / name).to_string(), fields);
}

}  // namespace

Result<AllowList> read_allow_list(const json& document) {
  static const json schema = json::parse(kListSchema);
  json checked = document;
  std::string problems;
  for (const auto& problem : loader::validate(schema, checked))
    problems += fmt::format("{}{}: {}", problems.empty() ? "" : "\n",
                            problem.pointer.empty() ? "/" : problem.pointer, problem.message);
  if (!problems.empty()) return fail(std::move(problems));
  AllowList list;
  for (const json& each : checked.at("allow")) {
    Allowed allowed{each.at("kind"), each.at("namespace"), each.at("name"), each.at("fields")};
    for (std::string& field : allowed.fields) {
      if (field[0] != '/')
        return fail(
            fmt::format("/allow/{}: the field '{}' must be a JSON pointer, such as "
                        "/spec/replicas",
                        list.size(), field));
      while (field.ends_with('/')) field.pop_back();
      if (field.empty())
        return fail(
            fmt::format("/allow/{}: that is the whole object: name its fields", list.size()));
    }
    list.push_back(std::move(allowed));
  }
  return list;
}

std::vector<std::string> fields_of(const json& patch) {
  std::vector<std::string> fields;
  add_fields(patch, "", fields);
  return fields;
}

std::vector<std::string> not_allowed(const AllowList& list, const Target& target,
                                     const std::vector<std::string>& fields) {
  std::vector<std::string> missing;
  for (const std::string& field : fields) {
    const bool allowed = std::any_of(list.begin(), list.end(), [&](const Allowed& each) {
      return is_about(each, target) &&
             std::any_of(each.fields.begin(), each.fields.end(),
                         [&](const std::string& one) { return is_within(one, field); });
    });
    if (!allowed) missing.push_back(field);
  }
  return missing;
}

json entry_for(const Target& target, const std::vector<std::string>& fields) {
  json entry = {{"kind", full_kind(target)}, {"name", target.name}, {"fields", fields}};
  if (target.kind.namespaced) entry["namespace"] = target.name_space;
  return entry;
}

}  // namespace scanflow::orchestrate
