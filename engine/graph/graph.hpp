// A directed acyclic graph of numbered nodes: pure, no I/O.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace scanflow::graph {

using Node = std::uint32_t;

/// Edges point from what is needed to what needs it. Compact (CSR), immutable after `build`.
class Graph {
 public:
  /// needs[n]: the nodes that n needs; each must be below needs.size().
  static Graph build(const std::vector<std::vector<Node>>& needs);

  std::size_t size() const { return need_offset_.size() - 1; }
  std::span<const Node> needs(Node n) const;
  std::span<const Node> dependents(Node n) const;

 private:
  std::vector<std::uint32_t> need_offset_{0}, dependent_offset_{0};
  std::vector<Node> need_, dependent_;
};

/// The nodes of one cycle in order (the first needs the second ... the last needs the first), or
/// empty.
std::vector<Node> find_cycle(const Graph& graph);

/// Each node after all that it needs; ties by number. The graph must have no cycle.
std::vector<Node> topological_order(const Graph& graph);

/// For each node the weight of the heaviest path from it to an end, itself included.
std::vector<double> critical_path(const Graph& graph, std::span<const double> weight);

/// Everything that `n` needs, directly or not, as a bitmap per node is too large: one node's set,
/// sorted.
std::vector<Node> ancestors(const Graph& graph, Node n);

}  // namespace scanflow::graph
