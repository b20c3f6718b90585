// The fields of a step that say what its Pod is like.
#pragma once

#include "engine/pipeline/map_reader.hpp"
#include "engine/pipeline/spec.hpp"

namespace scanflow::pipeline {

void read_reuse(const Node& node, Reuse& reuse, Problems& problems);
void read_pod_template(const Node& node, json& pod, Problems& problems);

}  // namespace scanflow::pipeline
