// scanflow primitive, of objects of a cluster: sent from here, with the kubeconfig of whoever sends it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/cli/context.hpp"

namespace scanflow::cli {

struct PrimitiveOptions;

/// "deployment/web": no run is called so.
bool is_object(const std::string& target);

/// Waits for the outcome; succeeds only where that is DONE.
int object_primitive_send(const Context& context, const PrimitiveOptions& options);
/// The table of primitives, for people.
std::string object_primitives_table(std::size_t width);

// For completion.
std::vector<std::string> object_primitive_names();
/// "replicas=" of each argument.
std::vector<std::string> object_primitive_arguments(const std::string& primitive);

}  // namespace scanflow::cli
