// `scanflow inject`: its options. Those of the settings are made of the table of settings.
#include <CLI/CLI.hpp>

#include "engine/cli/inject_commands.hpp"
#include "engine/cli/registry_commands.hpp"
#include "engine/inject/settings.hpp"

namespace scanflow::cli {

namespace {

void add_common(CLI::App* app, InjectOptions& options) {
  app->add_option("-f,--filename", options.files,
                  "YAML or JSON files, directories (*.yaml, *.yml and *.json in them and below); - "
                  "reads stdin")
      ->type_name("FILE|DIR|-")
      ->allow_extra_args(false)
      ->required();
  app->add_option("--to", options.to, "Write into this file, not to stdout")->type_name("FILE");
  app->add_flag("-q,--quiet", options.quiet, "Of what was done say only what was skipped");
}

std::string without_ticks(std::string_view markdown) {
  std::string text(markdown);
  std::erase(text, '`');
  return text;
}

/// "{native,plain}" of words to choose from, which completion knows; else what it takes, as it is.
std::string type_of(std::string_view allowed) {
  std::string text = without_ticks(allowed);
  const bool words = allowed.find("`, `") != std::string_view::npos &&
                     allowed.find_first_of(":.(") == std::string_view::npos;
  if (!words) return text;
  std::erase(text, ' ');
  return "{" + text + "}";
}

void add_setting(CLI::App* app, const inject::Setting& setting, InjectOptions& options) {
  const std::string name(setting.name);
  const std::string help =
      without_ticks(setting.help) + " (default: " + without_ticks(setting.initial) + ")";
  const auto check = [&setting](const std::string& value) {
    inject::Settings ignored;
    const auto set = setting.set(ignored, value);
    return set ? std::string() : set.error().message;
  };
  app->add_option_function<std::string>(
         "--" + name, [&options, name](const std::string& value) { options.values[name] = value; },
         help)
      ->check(check)
      ->type_name(type_of(setting.allowed))
      ->group("Settings");
}

}  // namespace

void add_inject(CLI::App& app, const Context& context, InjectOptions& options,
                std::function<int()>& command) {
  CLI::App* into = app.add_subcommand(
      "inject",
      "Put the sidecar into Kubernetes manifests: scanflow inject -f app.yaml | kubectl "
      "apply -f -");
  add_common(into, options);
  add_namespace(*into, options.name_space, "Of objects that name none (default: default)");
  for (const inject::Setting& each : inject::table()) {
    if (each.option) add_setting(into, each, options);
  }
  into->footer(
      "An annotation scanflow.dev/SETTING of a Pod template has precedence over the option "
      "--SETTING; scanflow.dev/inject: disabled leaves it alone. On stderr stands what was done, "
      "and "
      "what was skipped and why; where anything is wrong, nothing is written.");
  into->callback([&] { command = [&] { return inject(context, options); }; });
  CLI::App* out = app.add_subcommand(
      "uninject", "Take the sidecar out of Kubernetes manifests again: they are as they were");
  add_common(out, options);
  out->callback([&] { command = [&] { return uninject(context, options); }; });
}

}  // namespace scanflow::cli
