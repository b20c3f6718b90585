// `scanflow inject`: its options. Those of the settings are made of the table of settings.
#include <CLI/CLI.hpp>

#include "engine/cli/inject_commands.hpp"
#include "engine/cli/inject_settings.hpp"
#include "engine/cli/registry_commands.hpp"

namespace scanflow::cli {

namespace {

void add_injection(CLI::App* app, InjectOptions& options) {
  app->add_option("-f,--filename", options.files,
                  "YAML or JSON files, directories (*.yaml, *.yml and *.json in them and below); - "
                  "reads stdin")
      ->type_name("FILE|DIR|-")
      ->allow_extra_args(false)
      ->required();
  app->add_option("--to", options.to, "Write into this file, not to stdout")->type_name("FILE");
  app->add_flag("-q,--quiet", options.quiet, "Of what was done say only what was skipped");
}

}  // namespace

void add_inject(CLI::App& app, const Context& context, InjectOptions& options,
                std::function<int()>& command) {
  CLI::App* into = app.add_subcommand(
      "inject",
      "Put the sidecar into Kubernetes manifests: scanflow inject -f app.yaml | kubectl "
      "apply -f -");
  add_injection(into, options);
  add_namespace(*into, options.name_space, "Of objects that name none (default: default)");
  add_settings(*into, options.values);
  into->footer(
      "An annotation scanflow.dev/SETTING of a Pod template has precedence over the option "
      "--SETTING; scanflow.dev/inject: disabled leaves it alone. On stderr stands what was done, "
      "and "
      "what was skipped and why; where anything is wrong, nothing is written.");
  into->callback([&] { command = [&] { return inject(context, options); }; });
  CLI::App* out = app.add_subcommand(
      "uninject", "Take the sidecar out of Kubernetes manifests again: they are as they were");
  add_injection(out, options);
  out->callback([&] { command = [&] { return uninject(context, options); }; });
}

}  // namespace scanflow::cli
