// scanflow application: the teams of applications, what they have of their quotas, and what a cluster needs for them.
#pragma once

#include <functional>
#include <string>

#include "engine/cli/context.hpp"

namespace CLI {
class App;
}  // namespace CLI

namespace scanflow::cli {

struct ApplicationOptions {
  std::string name;        // NAME, or NAMESPACE/NAME
  std::string name_space;  // -n; empty: "default"
  std::string file;        // of `manifests`
};

/// Declares the commands; the chosen one goes into `command`.
void add_application(CLI::App& app, const Context& context, ApplicationOptions& options,
                     std::function<int()>& command);

}  // namespace scanflow::cli
