#include "engine/graph/graph.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <queue>
#include <stdexcept>
#include <string>

namespace scanflow::graph {

Graph Graph::build(const std::vector<std::vector<Node>>& needs) {
  const std::size_t size = needs.size();
  Graph graph;
  graph.need_offset_.assign(size + 1, 0);
  graph.dependent_offset_.assign(size + 1, 0);

  // A need written twice is one edge: seen_by[m] is the last node + 1 that named m.
  std::vector<Node> seen_by(size, 0);
  for (Node n = 0; n < size; ++n) {
    for (const Node need : needs[n]) {
      if (need >= size) {
        throw std::out_of_range("node " + std::to_string(n) + " needs node " +
                                std::to_string(need) + " of a graph of " + std::to_string(size));
      }
      if (seen_by[need] == n + 1) continue;
      seen_by[need] = n + 1;
      graph.need_.push_back(need);
      ++graph.dependent_offset_[need + 1];
    }
    graph.need_offset_[n + 1] = static_cast<std::uint32_t>(graph.need_.size());
  }
  std::partial_sum(graph.dependent_offset_.begin(), graph.dependent_offset_.end(),
                   graph.dependent_offset_.begin());

  graph.dependent_.resize(graph.need_.size());
  std::vector<std::uint32_t> fill(graph.dependent_offset_.begin(),
                                  graph.dependent_offset_.end() - 1);
  for (Node n = 0; n < size; ++n) {
    for (const Node need : graph.needs(n)) graph.dependent_[fill[need]++] = n;
  }
  return graph;
}

std::span<const Node> Graph::needs(Node n) const {
  return std::span(need_).subspan(need_offset_[n], need_offset_[n + 1] - need_offset_[n]);
}

std::span<const Node> Graph::dependents(Node n) const {
  return std::span(dependent_)
      .subspan(dependent_offset_[n], dependent_offset_[n + 1] - dependent_offset_[n]);
}

std::vector<Node> find_cycle(const Graph& graph) {
  // Depth first along the needs, with a stack of our own: chains may be 100,000 long.
  enum : std::uint8_t { kNew, kOnPath, kDone };
  struct Visit {
    Node node;
    std::size_t next;  // index into its needs
  };
  std::vector<std::uint8_t> mark(graph.size(), kNew);
  std::vector<Visit> path;
  for (Node root = 0; root < graph.size(); ++root) {
    if (mark[root] != kNew) continue;
    mark[root] = kOnPath;
    path.push_back({root, 0});
    while (!path.empty()) {
      Visit& top = path.back();
      const auto needs = graph.needs(top.node);
      if (top.next == needs.size()) {
        mark[top.node] = kDone;
        path.pop_back();
        continue;
      }
      const Node need = needs[top.next++];
      if (mark[need] == kNew) {
        mark[need] = kOnPath;
        path.push_back({need, 0});
      } else if (mark[need] == kOnPath) {
        std::vector<Node> cycle;
        auto at = path.begin();
        while (at->node != need) ++at;
        for (; at != path.end(); ++at) cycle.push_back(at->node);
        return cycle;
      }
    }
  }
  return {};
}

std::vector<Node> topological_order(const Graph& graph) {
  std::priority_queue<Node, std::vector<Node>, std::greater<>> ready;
  std::vector<std::uint32_t> missing(graph.size());
  for (Node n = 0; n < graph.size(); ++n) {
    missing[n] = static_cast<std::uint32_t>(graph.needs(n).size());
    if (missing[n] == 0) ready.push(n);
  }
  std::vector<Node> order;
  order.reserve(graph.size());
  while (!ready.empty()) {
    const Node n = ready.top();
    ready.pop();
    order.push_back(n);
    for (const Node dependent : graph.dependents(n)) {
      if (--missing[dependent] == 0) ready.push(dependent);
    }
  }
  if (order.size() != graph.size()) {
    throw std::logic_error("topological_order of a graph with a cycle");
  }
  return order;
}

std::vector<double> critical_path(const Graph& graph, std::span<const double> weight) {
  if (weight.size() != graph.size()) {
    throw std::invalid_argument("critical_path: one weight per node");
  }
  // Each node after all its dependents; any such order will do, so no heap as above.
  std::vector<std::uint32_t> missing(graph.size());
  std::vector<Node> order;
  order.reserve(graph.size());
  for (Node n = 0; n < graph.size(); ++n) {
    missing[n] = static_cast<std::uint32_t>(graph.dependents(n).size());
    if (missing[n] == 0) order.push_back(n);
  }
  std::vector<double> path(weight.begin(), weight.end());
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (const Node need : graph.needs(order[i])) {
      path[need] = std::max(path[need], weight[need] + path[order[i]]);
      if (--missing[need] == 0) order.push_back(need);
    }
  }
  if (order.size() != graph.size()) {
    throw std::logic_error("critical_path of a graph with a cycle");
  }
  return path;
}

std::vector<Node> ancestors(const Graph& graph, Node n) {
  std::vector<bool> seen(graph.size(), false);
  std::vector<Node> found;
  const auto visit = [&](Node node) {
    for (const Node need : graph.needs(node)) {
      if (seen[need]) continue;
      seen[need] = true;
      found.push_back(need);
    }
  };
  visit(n);
  for (std::size_t i = 0; i < found.size(); ++i) visit(found[i]);
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace scanflow::graph
