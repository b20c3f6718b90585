#include "engine/pipeline/pod_reader.hpp"

#include <fmt/format.h>

#include "engine/pipeline/fields.hpp"
#include "engine/pipeline/step_reader.hpp"
#include "engine/pipeline/text.hpp"
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
  std::vector<ExpressionSite> sites;
  find_expressions(node, ExpressionSite::Role::with, sites);
  for (const ExpressionSite& site : sites)
    problems.add(*site.node, "'pod_template' cannot hold an expression").hint = "write the value";
  for (std::size_t i = 0; i + 1 < node.items.size(); i += 2) {
    const Node& key = *node.items[i];
    if (!is_identifier(key.text)) {
      problems.add(key, fmt::format("'{}' is no field of a Pod's spec", printable(key.text)));
    } else if (key.text == "restartPolicy" || key.text == "shareProcessNamespace") {
      problems.add(key, fmt::format("'pod_template.{}' is set by the engine", key.text)).hint =
          "leave it out";
    }
  }
}

}  // namespace scanflow::pipeline
