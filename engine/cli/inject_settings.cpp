#include "engine/cli/inject_settings.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

namespace scanflow::cli {
namespace {

using Values = std::map<std::string, std::string>;

std::string without_ticks(std::string_view markdown) {
  std::string text(markdown);
  std::erase(text, '`');
  return text;
}

/// "{native,plain}" of words to choose from, which completion knows; else what it takes, as it is.
std::string setting_type(std::string_view allowed) {
  std::string text = without_ticks(allowed);
  const bool words = allowed.find("`, `") != std::string_view::npos &&
                     allowed.find_first_of(":.(") == std::string_view::npos;
  if (!words) return text;
  std::erase(text, ' ');
  return "{" + text + "}";
}

void add_setting(CLI::App& app, const inject::Setting& setting, Values& values) {
  const std::string name(setting.name);
  const std::string help =
      without_ticks(setting.help) + " (default: " + without_ticks(setting.initial) + ")";
  const auto check = [&setting](const std::string& value) {
    inject::Settings ignored;
    const auto set = setting.set(ignored, value);
    return set ? std::string() : set.error().message;
  };
  app.add_option_function<std::string>(
         "--" + name, [&values, name](const std::string& value) { values[name] = value; }, help)
      ->check(check)
      ->type_name(setting_type(setting.allowed))
      ->group("Settings");
}

}  // namespace

void add_settings(CLI::App& app, Values& values) {
  for (const inject::Setting& each : inject::table()) {
    if (each.option) add_setting(app, each, values);
  }
}

Result<inject::Settings> settings_of(const Values& values, std::string_view version) {
  inject::Settings settings = inject::defaults(version);
  for (const inject::Setting& each : inject::table()) {
    const auto given = values.find(std::string(each.name));
    if (given == values.end()) continue;
    if (auto set = each.set(settings, given->second); !set)
      return fail(fmt::format("--{}: {}", each.name, set.error().message));
  }
  if (auto checked = inject::check(settings); !checked) return tl::unexpected(checked.error());
  return settings;
}

}  // namespace scanflow::cli
