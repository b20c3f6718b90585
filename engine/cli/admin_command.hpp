// scanflow admin: what lies in a state directory, checked and cleared of what nobody needs.
#pragma once

#include <functional>

#include "engine/cli/context.hpp"

namespace CLI {
class App;
}  // namespace CLI

namespace scanflow::cli {

struct AdminOptions {
  bool quarantine = false;  // of `check`
  bool dry_run = false;     // of `gc`
};

/// Declares the commands; the chosen one goes into `command`.
void add_admin(CLI::App& app, const Context& context, AdminOptions& options,
               std::function<int()>& command);

}  // namespace scanflow::cli
