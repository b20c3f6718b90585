// What step plugins add to the JSON Schema of pipelines: which there are, and what `with` may hold.
#pragma once

#include <nlohmann/json.hpp>

#include "sdk/loader/catalog.hpp"

namespace scanflow::pipeline {

/// Adds rules to the definitions that were written from the tables: by `uses`, what `with` holds,
/// where an expression may stand for any value; what must be given, if the pipeline's defaults do
/// not. `all`: the catalog has every plugin, so `uses` names one of them.
void describe_plugins(const loader::Catalog& catalog, bool all,
                      nlohmann::ordered_json& definitions);

}  // namespace scanflow::pipeline
