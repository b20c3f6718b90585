// scanflow primitive list | send | history: each gives the process's exit status.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/cli/context.hpp"

namespace CLI {
class App;
}  // namespace CLI

namespace scanflow::cli {

struct PrimitiveOptions {
  std::string run, step;  // of list: both, or neither; of an object KIND/NAME and the primitive
  std::string primitive;  // of an object the first argument
  std::vector<std::string> words;      // name=value
  std::string duration;                // --for
  std::vector<std::string> arguments;  // -a name=value
  std::string deadline;                // a duration; empty: the primitive's own
  // Of objects of a cluster.
  std::string kubeconfig, kube_context, kube_namespace;
  std::string patch_allow;  // a file; empty: $SCANFLOW_PATCH_ALLOW, or none
  bool dry_run = false;
};
/// The table of primitives, or what one step offers now.
int primitive_list(const Context& context, const PrimitiveOptions& options);
/// Waits for the outcome; succeeds only where that is DONE.
int primitive_send(const Context& context, const PrimitiveOptions& options);

struct HistoryOptions {
  std::string object;  // KIND/NAME; empty: any
  std::string kube_namespace;
  std::size_t limit = 20;
};

/// Declares the commands; the chosen one goes into `command`.
void add_primitive(CLI::App& app, const Context& context, PrimitiveOptions& options,
                   HistoryOptions& history, std::function<int()>& command);

/// What was asked of the steps of a run, for people; "" where nothing was.
std::string primitives_table(const nlohmann::json& primitives, std::size_t width);
/// "pause of train by ann: DONE  stopped 3 processes"
std::string primitive_line(const nlohmann::json& command);

// For completion.
std::vector<std::string> primitive_names();
/// "for=" of each argument.
std::vector<std::string> primitive_arguments(const std::string& primitive);

}  // namespace scanflow::cli
