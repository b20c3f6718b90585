// What says how, when and how often a step runs. Each reads over what is there already, so that a
// step's fields go over the pipeline's defaults.
#pragma once

#include <string_view>

#include "engine/pipeline/problems.hpp"
#include "engine/pipeline/spec.hpp"
#include "engine/pipeline/yaml_document.hpp"

namespace scanflow::pipeline {

/// {env: X} or {file: PATH}.
void read_secret(const Node& node, Secret& secret, Problems& problems);
void read_sidecar(const Node& node, json& sidecar, Problems& problems);
void read_retry(const Node& node, Retry& retry, Problems& problems);
void read_pool(const Node& node, Pool& pool, Problems& problems);
/// `approve: true`, the message, or a map.
void read_approval(const Node& node, Approval& approval, Problems& problems);
void read_cache(const Node& node, Cache& cache, Problems& problems);
void read_resources(const Node& node, Resources& resources, Problems& problems);

}  // namespace scanflow::pipeline
