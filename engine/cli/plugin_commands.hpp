// `scanflow plugin list | inspect | new`: options are parsed, streams are given.
//
// Each returns an exit status: 0; 1 where something is broken; 2 where the command was used
// wrongly. `out` gets the result (with `as_json`: one JSON document), `err` what is wrong.
#pragma once

#include <filesystem>
#include <functional>
#include <iosfwd>
#include <string>

#include "sdk/loader/catalog.hpp"

namespace CLI {
class App;
}

namespace scanflow::cli {

struct Context;

/// How results are printed.
struct PluginOutput {
  std::ostream& out;
  std::ostream& err;
  bool as_json = false;
  std::size_t width = 100;  // as of table()
};

/// Says what is wrong, with `as_json` also as {"error", "exit"}; gives `status`.
int refuse(const PluginOutput& output, int status, const std::string& message);

/// All plugins with kind, version, summary and library. 1 where a library could not be described.
int plugin_list(const loader::SearchPath& path, const PluginOutput& output);

/// `what`: the id of a plugin, or the path of a library (it has a '/', or ends in .so).
int plugin_inspect(const loader::SearchPath& path, const std::string& what,
                   const PluginOutput& output);

struct NewPlugin {
  std::string kind;                 // step, trigger, strategy
  std::string name;                 // becomes the plugin's id
  std::filesystem::path directory;  // must not exist, or be empty; default: ./NAME
  std::filesystem::path templates;  // see templates_beside
};
/// Writes a project that builds against the installed SDK.
int plugin_new(const NewPlugin& plugin, const PluginOutput& output);

/// Where the templates lie for a program in the directory `bin`: ../share/scanflow/templates of an
/// installation, else the source tree's.
std::filesystem::path templates_beside(const std::filesystem::path& bin);

/// What the options of `scanflow plugin` fill in.
struct PluginOptions {
  std::string what;
  NewPlugin fresh;
};
/// Declares the commands; the one that is chosen becomes `command`. All arguments outlive it.
void add_plugin(CLI::App& app, const Context& context, PluginOptions& options,
                std::function<int()>& command);

}  // namespace scanflow::cli
