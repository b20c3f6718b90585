#include "engine/orchestrate/change.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace scanflow::orchestrate {
namespace {

/// What says which object it is, and in which version.
bool is_identity(const std::string& field) {
  return field == "apiVersion" || field == "kind" || field == "name" || field == "namespace" ||
         field == "resourceVersion";
}

/// Of lists that a strategic patch changes: the elements of the names that it has.
bool is_named_list(const json& patch) {
  return patch.is_array() && !patch.empty() &&
         std::all_of(patch.begin(), patch.end(),
                     [](const json& each) { return each.is_object() && each.contains("name"); });
}

json touched_of(const json& object, const json& patch, bool identity, bool strategic);

json named_elements(const json& list, const json& patch) {
  json made = json::array();
  for (const json& wanted : patch) {
    for (const json& each : list) {
      if (each.is_object() && each.value("name", json()) == wanted.at("name"))
        made.push_back(touched_of(each, wanted, false, true));
    }
  }
  return made;
}

json touched_of(const json& object, const json& patch, bool identity, bool strategic) {
  if (strategic && object.is_array() && is_named_list(patch)) return named_elements(object, patch);
  if (!patch.is_object() || patch.empty() || !object.is_object()) return object;
  json made = json::object();
  for (const auto& [field, value] : patch.items()) {
    if (identity && is_identity(field)) continue;
    const auto found = object.find(field);
    made[field] = found == object.end()
                      ? json()
                      : touched_of(*found, value, identity && field == "metadata", strategic);
  }
  if (identity && made.contains("metadata") && made["metadata"].empty()) made.erase("metadata");
  return made;
}

}  // namespace

json merge_diff(const json& before, const json& after) {
  if (!before.is_object() || !after.is_object()) return after;
  json patch = json::object();
  for (const auto& [field, value] : before.items()) {
    if (!after.contains(field)) patch[field] = nullptr;
  }
  for (const auto& [field, value] : after.items()) {
    const auto old = before.find(field);
    if (old == before.end()) {
      patch[field] = value;
    } else if (*old != value) {
      patch[field] = merge_diff(*old, value);
    }
  }
  return patch;
}

json guarded_diff(const json& before, const json& after) {
  json patch = merge_diff(before, after);
  const json version = before.value("/metadata/resourceVersion"_json_pointer, json());
  if (!patch.empty() && version.is_string()) patch["metadata"]["resourceVersion"] = version;
  return patch;
}

json touched(const json& object, const json& patch, bool strategic) {
  return touched_of(object, patch, true, strategic);
}

std::string counted(std::int64_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

}  // namespace scanflow::orchestrate
