#include "engine/pipeline/pod_reader.hpp"

#include <fmt/format.h>

#include "engine/pipeline/fields.hpp"
#include "engine/pipeline/pod_fields.hpp"
#include "engine/pipeline/step_reader.hpp"
#include "engine/pipeline/value_check.hpp"
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

namespace {

void check_fields(const Node& node, const Table& table, Problems& problems) {
  const MapReader map(node, table, problems);
  for (std::size_t i = 0; i + 1 < node.items.size() && table.others != nullptr; i += 2) {
    Field named = *table.others;
    named.name = node.items[i]->text;
    check_value(named, *node.items[i + 1], problems);
  }
  for (const Field& field : table.fields) {
    const Node* value = map.get(field.name);
    if (value == nullptr) continue;
    if (field.table != nullptr) check_fields(*value, field.table(), problems);
    if (field.each == nullptr || field.each->table == nullptr) continue;
    for (const Node* element : value->items) check_fields(*element, field.each->table(), problems);
  }
}

}  // namespace

void read_pod_template(const Node& node, json& pod, Problems& problems) {
  pod = to_json(node, problems);
  std::vector<ExpressionSite> sites;
  find_expressions(node, ExpressionSite::Role::with, sites);
  for (const ExpressionSite& site : sites)
    problems.add(*site.node, "'pod_template' cannot hold an expression").hint = "write the value";
  Node rest = node;  // without what was said to be wrong already
  rest.items.clear();
  for (std::size_t i = 0; i + 1 < node.items.size(); i += 2) {
    const Node& key = *node.items[i];
    const std::string_view instead = instead_of_pod_field(key.text);
    if (instead.empty()) {
      rest.items.insert(rest.items.end(), {node.items[i], node.items[i + 1]});
    } else {
      problems.add(key, fmt::format("'pod_template.{}' is not for a step to set", key.text)).hint =
          instead;
    }
  }
  check_fields(rest, pod_template_fields(), problems);
}

}  // namespace scanflow::pipeline
