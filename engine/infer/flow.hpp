// The graph of a service: which node gets what, and what a request's way through it is. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/graph/graph.hpp"
#include "engine/infer/message.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::infer {

enum class NodeType { model, transformer, router, combiner, outlier_detector };
/// "MODEL", ...
std::string_view name(NodeType type);
std::optional<NodeType> node_type_of(std::string_view name);

struct FlowNode {
  std::string name;
  NodeType type = NodeType::model;
  std::vector<std::string> needs;
};

using NodeIndex = std::size_t;

/// Immutable.
class Flow {
 public:
  /// An error where a name comes twice, a need is not there (with the nearest that is), or the
  /// nodes need each other in a circle.
  static Result<Flow> make(std::vector<FlowNode> nodes);

  std::span<const FlowNode> nodes() const { return nodes_; }
  std::span<const graph::Node> needs(NodeIndex node) const {
    return graph_.needs(static_cast<graph::Node>(node));
  }
  std::span<const graph::Node> dependents(NodeIndex node) const {
    return graph_.dependents(static_cast<graph::Node>(node));
  }
  /// Each node after those that it needs.
  std::span<const graph::Node> order() const { return order_; }

 private:
  Flow(std::vector<FlowNode> nodes, graph::Graph graph)
      : nodes_(std::move(nodes)), graph_(std::move(graph)), order_(topological_order(graph_)) {}
  std::vector<FlowNode> nodes_;
  graph::Graph graph_;
  std::vector<graph::Node> order_;
};

/// One request on its way. Its flow outlives it.
class Passage {
 public:
  Passage(const Flow& flow, std::vector<Tensor> inputs);

  /// Nodes that have all they need now and were not given out before.
  std::vector<NodeIndex> take_ready();
  /// What such a node gets.
  std::vector<Tensor> inputs_of(NodeIndex node) const;
  /// A problem where it says what its type cannot (a route that leads nowhere).
  Answered<void> done(NodeIndex node, std::vector<Tensor> outputs);
  /// All nodes are done, or skipped: their router went elsewhere.
  bool finished() const { return open_ == 0; }
  /// Of the ends of the flow that were reached; of several each tensor as NODE.TENSOR, as those of
  /// outlier detectors always are.
  std::vector<Tensor> result() const;

 private:
  enum class State { waits, given_out, done, skipped };
  bool settled(NodeIndex node) const {
    return states_[node] == State::done || states_[node] == State::skipped;
  }
  Answered<void> route(NodeIndex router);
  /// Skips what cannot be reached any more, and finds what is ready.
  void settle();
  /// What those behind `node` get of it.
  std::span<const Tensor> given_by(NodeIndex node) const;

  const Flow& flow_;
  std::vector<Tensor> inputs_;
  std::vector<State> states_;
  std::vector<std::vector<Tensor>> outputs_;
  std::map<NodeIndex, std::vector<Tensor>> passed_on_;  // of nodes that hand on what they got
  std::vector<NodeIndex> ready_;
  std::size_t open_;
};

}  // namespace scanflow::infer
