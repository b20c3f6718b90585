#include "engine/infer/flow.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "sdk/base/nearest.hpp"

namespace scanflow::infer {
namespace {

constexpr std::array<std::pair<NodeType, std::string_view>, 5> kTypes = {
    {{NodeType::model, "MODEL"},
     {NodeType::transformer, "TRANSFORMER"},
     {NodeType::router, "ROUTER"},
     {NodeType::combiner, "COMBINER"},
     {NodeType::outlier_detector, "OUTLIER_DETECTOR"}}};

}  // namespace

std::string_view name(NodeType type) {
  return std::find_if(kTypes.begin(), kTypes.end(),
                      [&](const auto& row) { return row.first == type; })
      ->second;
}

std::optional<NodeType> node_type_of(std::string_view name) {
  for (const auto& [type, text] : kTypes)
    if (text == name) return type;
  return std::nullopt;
}

Result<Flow> Flow::make(std::vector<FlowNode> nodes) {
  if (nodes.empty()) return fail("the graph has no nodes");
  std::vector<std::string> names;
  names.reserve(nodes.size());
  for (const FlowNode& node : nodes) {
    if (std::find(names.begin(), names.end(), node.name) != names.end())
      return fail(fmt::format("two nodes are called '{}'", node.name));
    names.push_back(node.name);
  }
  std::vector<std::vector<graph::Node>> needs(nodes.size());
  for (NodeIndex index = 0; index < nodes.size(); ++index) {
    for (const std::string& need : nodes[index].needs) {
      const auto found = std::find(names.begin(), names.end(), need);
      if (found == names.end()) {
        const std::string meant = nearest(need, names);
        return fail(fmt::format("the node '{}' needs '{}', which is not in the graph{}",
                                nodes[index].name, need,
                                meant.empty() ? "" : fmt::format("; did you mean '{}'?", meant)));
      }
      needs[index].push_back(static_cast<graph::Node>(found - names.begin()));
    }
  }
  graph::Graph built = graph::Graph::build(needs);
  if (const auto cycle = graph::find_cycle(built); !cycle.empty()) {
    std::string way;
    for (const graph::Node node : cycle) way += names[node] + " needs ";
    return fail(fmt::format("the nodes need each other in a circle: {}{}", way, names[cycle[0]]));
  }
  return Flow(std::move(nodes), std::move(built));
}

}  // namespace scanflow::infer
