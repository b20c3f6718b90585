// When a pipeline runs by itself.
#pragma once

#include "engine/pipeline/problems.hpp"
#include "engine/pipeline/spec.hpp"
#include "engine/pipeline/yaml_document.hpp"

namespace scanflow::pipeline {

/// `schedule: "0 3 * * *"`, or a map. The pipeline's parameters are read already: each must have a
/// value by it.
void read_schedule(const Node& node, Pipeline& pipeline, Problems& problems);

}  // namespace scanflow::pipeline
