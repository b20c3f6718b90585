// scanflow install: prints what a cluster needs.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "engine/cli/context.hpp"
#include "engine/deploy/objects.hpp"

namespace CLI {
class App;
}  // namespace CLI

namespace scanflow::cli {

struct InstallOptions {
  std::string injection;  // webhook or policy
  bool only_enabled = false;
  std::map<std::string, std::string> values;  // of the settings, by their names
  bool render = false;                        // the engine, too
  deploy::Installation engine;
  std::string registry;  // before the images' names
  std::string name_space = "scanflow";
  bool create_namespace = false;
  std::string image;  // of the engine and the webhook; empty: scanflow-engine:VERSION
  // --- of the webhook
  std::string tls_secret;  // that is there already; then with `ca`
  std::string ca;          // a file: PEM
  std::string version;     // of Scanflow
};
int install(const Context& context, const InstallOptions& options);

/// Declares the command; chosen, it goes into `command`.
void add_install(CLI::App& app, const Context& context, InstallOptions& options,
                 std::function<int()>& command);

}  // namespace scanflow::cli
