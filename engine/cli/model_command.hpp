// scanflow model: registered models and their versions.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/cli/context.hpp"

namespace CLI {
class App;
}  // namespace CLI

namespace scanflow::cli {

struct ModelOptions {
  std::string model;  // NAME, NAME/VERSION or NAME@ALIAS; also with models:/ before it
  std::string alias;  // that `promote` gives it
  std::vector<std::string> compare;  // two of `diff`
};

/// Declares the commands; the chosen one goes into `command`.
void add_model(CLI::App& app, const Context& context, ModelOptions& options,
               std::function<int()>& command);

}  // namespace scanflow::cli
