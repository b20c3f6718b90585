// retry, timeout, cache and resources of a step. Each reads over what is there already, so that a
// step's fields go over the pipeline's defaults.
#pragma once

#include "engine/pipeline/problems.hpp"
#include "engine/pipeline/spec.hpp"
#include "engine/pipeline/yaml_document.hpp"

namespace scanflow::pipeline {

void read_retry(const Node& node, Retry& retry, Problems& problems);
void read_timeout(const Node& node, std::int64_t& timeout_us, Problems& problems);
void read_cache(const Node& node, Cache& cache, Problems& problems);
void read_resources(const Node& node, Resources& resources, Problems& problems);

}  // namespace scanflow::pipeline
