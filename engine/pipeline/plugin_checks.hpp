// Is what a step gives to its plugin what the plugin takes? By the schemas of its descriptor.
#pragma once

#include "engine/pipeline/problems.hpp"
#include "engine/pipeline/step_reader.hpp"
#include "sdk/loader/catalog.hpp"

namespace scanflow::pipeline {

/// Null (and reported) where there is no such step plugin.
const loader::PluginInfo* find_plugin(const StepDraft& draft, const loader::Catalog& catalog,
                                      Problems& problems);

/// Configuration against its schema; inputs: there, and each one expression.
void check_with(const StepDraft& draft, const loader::PluginInfo& plugin, Problems& problems);

}  // namespace scanflow::pipeline
