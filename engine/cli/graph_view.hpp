// A pipeline's graph as people see it: text for a terminal, dot, mermaid, svg. Pure but for svg.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/pipeline/plan.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::cli {

struct GraphNode {
  std::string id;    // train[model=cnn1]
  std::string name;  // train: instances of one matrix share it
  std::string uses;  // torch.train
  pipeline::Phase phase = pipeline::Phase::main;
  std::vector<std::uint32_t> needs;  // indices of nodes, all of the same phase
  pipeline::json matrix = nullptr;   // {"model": "cnn1"}, or null
  std::string when;                  // its condition, or empty
  std::string status;                // "succeeded", ...; empty where there is no run
};

struct GraphView {
  std::string title;       // mnist-train
  std::string name_space;  // may be empty
  std::vector<GraphNode> nodes;
};

/// `statuses`: one per step of the plan (run::name(StepStatus)), or empty.
GraphView view_of(const pipeline::Plan& plan, const std::vector<std::string>& statuses = {});

/// In a picture a matrix of more instances is one node.
constexpr std::size_t kGroupAbove = 6;

/// Makes one node of all instances of a matrix with more than `above` of them: "train [12]", its
/// axes in `when`'s place ("model=cnn1, cnn2"), its status what they have in common ("running") or
/// a count ("10 succeeded, 2 failed"). Needs follow.
struct GroupedNode {
  GraphNode node;           // node.needs: indices of groups
  std::uint32_t count = 1;  // instances in it
  std::string axes;         // "model=cnn1, cnn2; lr=0.1"; of a single instance: "model=cnn1"
};
std::vector<GroupedNode> group_instances(const GraphView& view, std::size_t above);

struct TextStyle {
  bool color = false;
  bool unicode = true;
};
/// A tree per phase: each step stands below the deepest one that it needs; "also after x" names the
/// others. Chains too deep for a screen become numbered layers. Ends with a newline.
std::string graph_text(const GraphView& view, const TextStyle& style = {});

/// Graphviz. Names are escaped: any bytes may be in them.
std::string graph_dot(const GraphView& view);

/// A mermaid flowchart, as Markdown renderers take it.
std::string graph_mermaid(const GraphView& view);

/// Runs Graphviz's `dot -Tsvg` on graph_dot. Errors: not installed (and how to), dot's own message.
Result<std::string> graph_svg(const GraphView& view);

/// Longest-path layers: 0 for nodes without needs.
std::vector<std::uint32_t> layers_of(const std::vector<GroupedNode>& nodes);

/// "on success", "on exit", ...; "" for the main phase.
std::string phase_title(pipeline::Phase phase);

}  // namespace scanflow::cli
