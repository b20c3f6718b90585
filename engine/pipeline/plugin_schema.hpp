// What step plugins add to the JSON Schema of pipelines: which there are, and what `with` may hold.
#pragma once

#include <nlohmann/json.hpp>

#include "sdk/loader/catalog.hpp"

namespace scanflow::pipeline {

/// Adds rules to the definitions that were written from the tables. `all`: the catalog has every
/// plugin, so `uses` names one of them.
void describe_plugins(const loader::Catalog& catalog, bool all,
                      nlohmann::ordered_json& definitions);

/// `with` of a plugin: its configuration, in which an expression may stand for any value, and its
/// inputs. Says nothing about what must be there: it may come from the pipeline's defaults.
nlohmann::ordered_json with_schema(const loader::PluginInfo& plugin);

}  // namespace scanflow::pipeline
