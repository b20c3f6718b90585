// scanflow primitive, of objects of a cluster: sent from here, with the kubeconfig of whoever sends it, or by a server,
// which keeps a record.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/cli/context.hpp"
#include "engine/orchestrate/allow_list.hpp"

namespace scanflow::cli {

struct HistoryOptions;
struct PrimitiveOptions;

/// "deployment/web": no run is called so.
bool is_object(const std::string& target);

/// Waits for the outcome; succeeds only where that is DONE.
int object_primitive_send(const Context& context, const PrimitiveOptions& options);
/// What a server was asked of objects, the newest first.
int primitive_history(const Context& context, const HistoryOptions& options);
/// What `patch` may change: of that file, else of $SCANFLOW_PATCH_ALLOW; without either nothing.
Result<orchestrate::AllowList> read_patch_allow(const std::string& option);
/// "scale of Deployment shop/web: DONE  2 -> 3  (12 ms)"
std::string action_line(const nlohmann::json& action);
/// The table of primitives, for people.
std::string object_primitives_table(std::size_t width);

// For completion.
std::vector<std::string> object_primitive_names();
/// "replicas=" of each argument.
std::vector<std::string> object_primitive_arguments(const std::string& primitive);

}  // namespace scanflow::cli
