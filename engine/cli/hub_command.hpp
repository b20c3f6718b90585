// scanflow hub: which namespaces' Pods, that the engine has not made, may come to its hub.
#pragma once

#include <functional>
#include <string>

#include "engine/cli/context.hpp"

namespace CLI {
class App;
}  // namespace CLI

namespace scanflow::cli {

struct HubOptions {
  std::string name_space;
  std::string secret = "scanflow-hub";  // what it is called in that namespace
};

/// Declares the commands; the chosen one goes into `command`.
void add_hub(CLI::App& app, const Context& context, HubOptions& options,
             std::function<int()>& command);

}  // namespace scanflow::cli
