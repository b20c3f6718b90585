// `scanflow plugin`: its options, and how they reach plugin_commands.hpp.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "engine/cli/context.hpp"
#include "engine/cli/plugin_commands.hpp"

namespace scanflow::cli {

namespace {

loader::SearchPath search(const Context& context) {
  auto path = loader::search_path(context.plugin_dirs, context.plugins);
  path.worker = context.worker;
  if (const auto directory = context.state_directory()) path.cache = directory->plugin_cache();
  return path;
}

PluginOutput output(const Context& context) {
  return {std::cout, std::cerr, context.json, table_width(STDOUT_FILENO)};
}

}  // namespace

void add_plugin(CLI::App& app, const Context& context, PluginOptions& options,
                std::function<int()>& command) {
  auto* plugin = app.add_subcommand("plugin", "Look at plugins, and write new ones");
  plugin->require_subcommand(1);

  plugin->add_subcommand("list", "All plugins that are found")->callback([&] {
    command = [&] { return plugin_list(search(context), output(context)); };
  });

  auto* inspect = plugin->add_subcommand("inspect", "What a plugin or a library offers");
  inspect->add_option("PLUGIN", options.what, "A plugin's id, or the path of a library")
      ->required();
  inspect->callback([&] {
    command = [&] { return plugin_inspect(search(context), options.what, output(context)); };
  });

  auto* fresh = plugin->add_subcommand("new", "Write a project for a plugin");
  fresh->add_option("KIND", options.fresh.kind, "step, trigger or strategy")
      ->required()
      ->check(CLI::IsMember({"step", "trigger", "strategy"}));
  fresh->add_option("NAME", options.fresh.name, "Becomes the plugin's id")->required();
  fresh->add_option("--dir", options.fresh.directory, "Where (default: ./NAME)")->type_name("DIR");
  fresh->callback([&] {
    command = [&] {
      options.fresh.templates = templates_beside(context.worker.parent_path());
      return plugin_new(options.fresh, output(context));
    };
  });
}

}  // namespace scanflow::cli
