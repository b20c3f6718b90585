// scanflow inject | uninject: manifests in, manifests out. Each gives the process's exit status.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/cli/context.hpp"

namespace CLI {
class App;
}  // namespace CLI

namespace scanflow::cli {

struct InjectOptions {
  std::vector<std::string> files;             // files, directories, "-"
  std::string to;                             // a file; empty: stdout
  std::string name_space;                     // of objects that name none
  std::map<std::string, std::string> values;  // of the settings, by their names
  bool quiet = false;
  std::string version;  // of Scanflow
};
int inject(const Context& context, const InjectOptions& options);
int uninject(const Context& context, const InjectOptions& options);

/// Declares both; the chosen one goes into `command`.
void add_inject(CLI::App& app, const Context& context, InjectOptions& options,
                std::function<int()>& command);

}  // namespace scanflow::cli
