// The steps of a run as a table, those of the runs that they called within them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "engine/cli/context.hpp"

namespace scanflow::cli {

/// The steps of a result document, and behind each that called a run the steps of that: "depth" (0:
/// the run's own), "of": the id of the run that it belongs to, "known": how people name that. Those
/// of runs that cannot be read (any more) are left out.
nlohmann::json with_called(const Context& context, const nlohmann::json& result);

/// `steps`: as of with_called. Of very many: what went wrong, the plan's own steps, and the first
/// instances of each. `width`: as of table().
std::string steps_table(const nlohmann::json& steps, std::size_t width);

}  // namespace scanflow::cli
