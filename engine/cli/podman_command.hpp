// scanflow podman: whether this machine can run Pods by podman.
#pragma once

#include <functional>

#include "engine/cli/context.hpp"

namespace CLI {
class App;
}  // namespace CLI

namespace scanflow::cli {

struct PodmanOptions {
  bool quick = false;  // no Pod is played
};
/// Prints each point, and what to do about it; kEngine where no Pod can run.
int podman_check(const Context& context, const PodmanOptions& options);

/// Declares the commands; the chosen one goes into `command`.
void add_podman(CLI::App& app, const Context& context, PodmanOptions& options,
                std::function<int()>& command);

}  // namespace scanflow::cli
