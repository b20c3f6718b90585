// scanflow kube: what can be done with a cluster.
#pragma once

#include <functional>
#include <string>

#include "engine/cli/context.hpp"

namespace CLI {
class App;
}  // namespace CLI

namespace scanflow::cli {

struct KubeOptions {
  std::string kubeconfig, context, name_space;
  bool only_enabled = false;  // of sidecars: as of what injects them
};
/// Prints each point, and what to do about it; kEngine where no step could run there.
int kube_check(const Context& context, const KubeOptions& options);

/// Options of a command that starts an engine: what that needs for Pods of a cluster. They set the variables that
/// the engine reads.
void add_cluster_options(CLI::App& command);

/// Declares the commands; the chosen one goes into `command`.
void add_kube(CLI::App& app, const Context& context, KubeOptions& options,
              std::function<int()>& command);

}  // namespace scanflow::cli
