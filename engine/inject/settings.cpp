#include "engine/inject/settings.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sdk/base/nearest.hpp"
#include "sdk/base/units.hpp"

namespace scanflow::inject {
namespace {

using nlohmann::json;

/// "there is no annotation 'scanflow.dev/imge', did you mean ...?"
std::string unknown(const std::string& name) {
  std::vector<std::string> names = {std::string(kInjected.substr(kAnnotationPrefix.size()))};
  for (const Setting& each : table()) names.emplace_back(each.name);
  const std::string meant = nearest(name, names);
  return fmt::format(
      "the annotation '{}{}' is not known, and says nothing{}", kAnnotationPrefix, name,
      meant.empty() ? fmt::format(": there are {}", fmt::join(names, ", "))
                    : fmt::format("; did you mean '{}{}'?", kAnnotationPrefix, meant));
}

const Setting* find_setting(std::string_view name) {
  for (const Setting& each : table()) {
    if (each.name == name) return &each;
  }
  return nullptr;
}

}  // namespace

Result<Read> with_annotations(Settings base, const json& annotations) {
  Read read{std::move(base), {}};
  if (!annotations.is_object()) return read;
  std::vector<std::string> problems;
  for (const auto& [key, value] : annotations.items()) {
    if (!key.starts_with(kAnnotationPrefix) || key == kInjected) continue;
    const std::string name = key.substr(kAnnotationPrefix.size());
    const Setting* setting = find_setting(name);
    if (setting == nullptr) {
      read.warnings.push_back(unknown(name));
    } else if (!value.is_string()) {
      problems.push_back(fmt::format(
          "the annotation {} is {}, and must be text: put it into quotes", key, value.dump()));
    } else if (auto set = setting->set(read.settings, value.get<std::string>()); !set) {
      problems.push_back(fmt::format("the annotation {}: {}", key, set.error().message));
    }
  }
  if (problems.empty()) {
    if (auto checked = check(read.settings); !checked) problems.push_back(checked.error().message);
  }
  if (problems.empty()) return read;
  return fail(fmt::format("{}", fmt::join(problems, "; ")));
}

Result<void> check(const Settings& settings) {
  // Each is right by itself: set() has parsed it.
  const auto request = parse_bytes(settings.memory_request),
             limit = parse_bytes(settings.memory_limit);
  if (request && limit && *request > *limit) {
    return fail(
        fmt::format("memory-request {} is more than memory-limit {}: lower the one, or raise "
                    "the other",
                    settings.memory_request, settings.memory_limit));
  }
  if (settings.cpu_limit.empty()) return {};
  const auto cpu = parse_cpu(settings.cpu_request), most = parse_cpu(settings.cpu_limit);
  if (cpu && most && *cpu > *most) {
    return fail(
        fmt::format("cpu-request {} is more than cpu-limit {}: lower the one, or raise the "
                    "other",
                    settings.cpu_request, settings.cpu_limit));
  }
  return {};
}

std::string markdown() {
  std::string text =
      "| annotation `scanflow.dev/...` | says | takes | left out |\n|---|---|---|---|\n";
  for (const Setting& each : table()) {
    text +=
        fmt::format("| `{}` | {} | {} | {} |\n", each.name, each.help, each.allowed, each.initial);
  }
  return text;
}

}  // namespace scanflow::inject
