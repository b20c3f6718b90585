// The fields of a step that say what its Pod is like.
#pragma once

#include "engine/pipeline/map_reader.hpp"
#include "engine/pipeline/spec.hpp"

namespace scanflow::pipeline {

void read_reuse(const Node& node, Reuse& reuse, Problems& problems);
/// Those of the step itself take the place of those of `defaults`.
void read_volumes(const Node& node, json& volumes, Problems& problems);
void read_pod_template(const Node& node, json& pod, Problems& problems);
/// As fields of the Pod's spec in `pod`, where `pod_template` has put its own.
void read_placement(const Node& node, json& pod, Problems& problems);

}  // namespace scanflow::pipeline
