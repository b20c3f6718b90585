// scanflow serve: an inference service in the foreground.
#pragma once

#include <functional>
#include <string>

#include "engine/cli/context.hpp"

namespace CLI {
class App;
}  // namespace CLI

namespace scanflow::cli {

struct ServeOptions {
  std::string file;
  std::string listen = "127.0.0.1:8421";
  unsigned replicas = 0;  // 0: as the file says
};

/// Declares the command; the chosen one goes into `command`.
void add_serve(CLI::App& app, const Context& context, ServeOptions& options,
               std::function<int()>& command);

}  // namespace scanflow::cli
