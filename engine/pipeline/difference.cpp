#include "engine/pipeline/difference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

namespace scanflow::pipeline {
namespace {

constexpr std::array<std::string_view, 4> kStepLists{"steps", "on_success", "on_failure",
                                                     "on_exit"};

json member_of(const json& document, std::string_view name) {
  const auto found = document.find(std::string(name));
  return found == document.end() ? json() : *found;
}

/// By name; of a pipeline that is right no two have the same.
json steps_of(const json& document) {
  json steps = json::object();
  for (const std::string_view list : kStepLists) {
    const json found = member_of(document, list);
    if (!found.is_array()) continue;
    for (const json& step : found) {
      if (step.is_object() && member_of(step, "name").is_string())
        steps[step["name"].get<std::string>()] = step;
    }
  }
  return steps;
}

std::set<std::string> names_of(const json& before, const json& now) {
  std::set<std::string> names;
  for (const json* document : {&before, &now}) {
    if (!document->is_object()) continue;
    for (const auto& entry : document->items()) names.insert(entry.key());
  }
  return names;
}

/// " (with, timeout)": the fields of a map that are not the same.
std::string fields(const json& before, const json& now) {
  std::string text;
  if (!before.is_object() || !now.is_object()) return text;
  for (const std::string& name : names_of(before, now)) {
    if (member_of(before, name) != member_of(now, name)) text += (text.empty() ? "" : ", ") + name;
  }
  return " (" + text + ")";
}

void compare(std::string_view what, const json& before, const json& now,
             std::vector<std::string>& out) {
  for (const std::string& name : names_of(before, now)) {
    const json was = member_of(before, name);
    const json is = member_of(now, name);
    if (was == is) continue;
    const char* how = was.is_null() ? "added" : is.is_null() ? "removed" : "changed";
    out.push_back(fmt::format("{} '{}' {}{}", what, name, how,
                              was.is_null() || is.is_null() ? "" : fields(was, is)));
  }
}

}  // namespace

std::vector<std::string> differences(const json& before, const json& now) {
  std::vector<std::string> out;
  compare("step", steps_of(before), steps_of(now), out);
  compare("parameter", member_of(before, "params"), member_of(now, "params"), out);
  json others_before = before, others_now = now;
  for (json* document : {&others_before, &others_now}) {
    if (!document->is_object()) continue;
    document->erase("params");
    for (const std::string_view list : kStepLists) document->erase(std::string(list));
  }
  compare("field", others_before, others_now, out);
  return out;
}

}  // namespace scanflow::pipeline
