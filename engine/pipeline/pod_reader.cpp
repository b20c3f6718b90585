#include "engine/pipeline/pod_reader.hpp"

#include <fmt/format.h>

#include "engine/pipeline/fields.hpp"
#include "engine/pipeline/yaml_values.hpp"

namespace scanflow::pipeline {

void read_reuse(const Node& node, Reuse& reuse, Problems& problems) {
  if (node.is_scalar()) {
    reuse.enabled = is_true(node);
    return;
  }
  const MapReader map(node, reuse_fields(), problems);
  reuse.enabled = true;
  if (const Node* idle = map.get("idle")) reuse.idle_us = duration_of(*idle);
  if (const Node* uses = map.get("uses")) reuse.uses = static_cast<std::uint32_t>(number_of(*uses));
  if (const Node* age = map.get("age")) reuse.age_us = duration_of(*age);
}

void read_pod_template(const Node& node, json& pod, Problems& problems) {
  pod = to_json(node, problems);
  // What makes it an attempt is the engine's.
  for (const char* own : {"restartPolicy", "shareProcessNamespace"}) {
    if (!pod.is_object() || !pod.contains(own)) continue;
    problems.add(node, fmt::format("'pod_template.{}' is set by the engine", own)).hint =
        "leave it out";
  }
}

}  // namespace scanflow::pipeline
