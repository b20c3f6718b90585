// scanflow primitive, of the engine itself and of the services that a server serves: sent by a server, which keeps it in the
// decision log.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/cli/context.hpp"

namespace scanflow::cli {

struct PrimitiveOptions;

/// "engine", or "inferenceservice/NAME[.NAMESPACE]".
bool is_of_engine(const std::string& target);
/// For shells: of that target; and "NAME=" of the arguments of one, none where it is not known.
std::vector<std::string> engine_primitive_names(const std::string& target);
std::vector<std::string> engine_primitive_arguments(const std::string& target,
                                                    const std::string& primitive);
/// Waits for the outcome; succeeds only where that is DONE.
int engine_primitive_send(const Context& context, const PrimitiveOptions& options);
/// The tables of primitives, for people.
std::string engine_primitives_table(std::size_t width);
/// [{"name", "summary", "schema", "targets"}]
nlohmann::json engine_primitive_documents();

}  // namespace scanflow::cli
