#include "engine/cli/graph_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace scanflow::cli {
namespace {

using pipeline::json;

std::string value_text(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

/// "model=cnn1, cnn2; lr=0.1, 0.01": the values of each axis, in the order in which they come.
std::string axes_of(const std::vector<const GraphNode*>& members) {
  std::vector<std::string> axes;
  const json& first = members.front()->matrix;
  if (!first.is_object()) return {};
  for (const auto& [axis, unused] : first.items()) {
    std::vector<std::string> values;
    for (const GraphNode* member : members) {
      if (!member->matrix.is_object() || !member->matrix.contains(axis)) continue;
      std::string text = value_text(member->matrix[axis]);
      if (std::find(values.begin(), values.end(), text) == values.end()) {
        values.push_back(std::move(text));
      }
    }
    constexpr std::size_t kShown = 6;
    const std::size_t more = values.size() > kShown ? values.size() - kShown : 0;
    values.resize(values.size() - more);
    if (more > 0) values.push_back(fmt::format("… {} more", more));
    axes.push_back(fmt::format("{}={}", axis, fmt::join(values, ", ")));
  }
  return fmt::format("{}", fmt::join(axes, "; "));
}

std::string status_of(const std::vector<const GraphNode*>& members) {
  std::map<std::string, int> counts;
  for (const GraphNode* member : members) ++counts[member->status];
  if (counts.size() == 1) return counts.begin()->first;
  std::vector<std::string> parts;
  parts.reserve(counts.size());
  for (const auto& [status, count] : counts) parts.push_back(fmt::format("{} {}", count, status));
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace

GraphView view_of(const pipeline::Plan& plan, const std::vector<std::string>& statuses) {
  GraphView view{plan.pipeline->name, plan.pipeline->name_space, {}};
  for (std::uint32_t i = 0; i < plan.steps.size(); ++i) {
    const pipeline::Step& spec = plan.spec_of(i);
    const auto needs = plan.graph.needs(i);
    view.nodes.push_back({plan.steps[i].id,
                          spec.name,
                          spec.uses,
                          spec.phase,
                          {needs.begin(), needs.end()},
                          plan.steps[i].matrix,
                          spec.when,
                          i < statuses.size() ? statuses[i] : ""});
  }
  return view;
}

std::vector<GroupedNode> group_instances(const GraphView& view, std::size_t above) {
  std::map<std::pair<int, std::string>, std::vector<std::uint32_t>> instances;
  for (std::uint32_t i = 0; i < view.nodes.size(); ++i) {
    const GraphNode& node = view.nodes[i];
    if (node.matrix.is_object()) {
      instances[{static_cast<int>(node.phase), node.name}].push_back(i);
    }
  }
  std::vector<GroupedNode> groups;
  std::vector<std::uint32_t> group_of(view.nodes.size());
  for (std::uint32_t i = 0; i < view.nodes.size(); ++i) {
    const GraphNode& node = view.nodes[i];
    const auto found = instances.find({static_cast<int>(node.phase), node.name});
    const bool grouped =
        node.matrix.is_object() && found != instances.end() && found->second.size() > above;
    if (grouped && found->second.front() != i) {
      group_of[i] = group_of[found->second.front()];
      continue;
    }
    std::vector<const GraphNode*> members{&node};
    GroupedNode group{node, 1, ""};
    if (grouped) {
      members.clear();
      for (const std::uint32_t member : found->second) members.push_back(&view.nodes[member]);
      group.count = static_cast<std::uint32_t>(members.size());
      group.node.id = fmt::format("{} [{}]", node.name, members.size());
      group.node.status = status_of(members);
    }
    group.axes = axes_of(members);
    group_of[i] = static_cast<std::uint32_t>(groups.size());
    groups.push_back(std::move(group));
  }
  std::vector<std::set<std::uint32_t>> needs(groups.size());
  for (std::uint32_t i = 0; i < view.nodes.size(); ++i) {
    for (const std::uint32_t need : view.nodes[i].needs) needs[group_of[i]].insert(group_of[need]);
  }
  for (std::size_t g = 0; g < groups.size(); ++g) {
    groups[g].node.needs.assign(needs[g].begin(), needs[g].end());
  }
  return groups;
}

std::vector<std::uint32_t> layers_of(const std::vector<GroupedNode>& nodes) {
  std::vector<std::uint32_t> layer(nodes.size(), 0);
  std::vector<std::vector<graph::Node>> needs;
  needs.reserve(nodes.size());
  for (const GroupedNode& node : nodes) needs.push_back(node.node.needs);
  for (const graph::Node n : graph::topological_order(graph::Graph::build(needs))) {
    for (const graph::Node need : needs[n]) layer[n] = std::max(layer[n], layer[need] + 1);
  }
  return layer;
}

std::string phase_title(pipeline::Phase phase) {
  switch (phase) {
    case pipeline::Phase::main:
      return "";
    case pipeline::Phase::on_success:
      return "on success";
    case pipeline::Phase::on_failure:
      return "on failure";
    case pipeline::Phase::on_exit:
      return "on exit";
  }
  return "";
}

}  // namespace scanflow::cli
