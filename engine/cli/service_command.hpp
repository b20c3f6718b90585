// scanflow service: the services that a server runs.
#pragma once

#include <functional>
#include <string>

#include "engine/cli/context.hpp"

namespace CLI {
class App;
}  // namespace CLI

namespace scanflow::cli {

struct ServiceOptions {
  std::string name;        // NAME, or NAMESPACE/NAME
  std::string name_space;  // -n; empty: "default"
};

/// Declares the commands; the chosen one goes into `command`.
void add_service(CLI::App& app, const Context& context, ServiceOptions& options,
                 std::function<int()>& command);

}  // namespace scanflow::cli
