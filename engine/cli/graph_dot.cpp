// The graph for Graphviz, and through it as svg.
#include <fmt/format.h>

#include <algorithm>

#include "engine/cli/graph_view.hpp"
#include "engine/cli/pipe_program.hpp"

namespace scanflow::cli {
namespace {

/// Inside a quoted string of dot; line breaks by \n.
std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += ' ';
    } else {
      out += c;
    }
  }
  return out + '"';
}

struct Look {
  std::string_view fill, line;
};

Look look_of(std::string_view status) {
  if (status == "succeeded") return {"#e6f4ea", "#1a7f37"};
  if (status == "cached") return {"#e2f4f6", "#0a7285"};
  if (status.find("failed") != std::string_view::npos) return {"#fdeaea", "#c62828"};
  if (status.find("running") != std::string_view::npos) return {"#e3eefc", "#1f6feb"};
  if (status == "skipped" || status == "cancelled") return {"#f1f1f1", "#8c8c8c"};
  return {"#f6f8fa", "#57606a"};
}

std::string dot_node(std::size_t i, const GroupedNode& group) {
  std::string label = group.node.id + "\n" + group.node.uses;
  if (group.count > 1 && !group.axes.empty()) label += "\n" + group.axes;
  if (!group.node.status.empty()) label += "\n" + group.node.status;
  const Look look = look_of(group.node.status);
  return fmt::format(
      R"(n{} [label={}, fillcolor="{}", color="{}"{}{}];)", i, quote(label), look.fill, look.line,
      group.count > 1 ? ", peripheries=2" : "",
      group.node.when.empty() ? "" : ", tooltip=" + quote("when " + group.node.when));
}

std::string cluster(const std::vector<GroupedNode>& nodes, pipeline::Phase phase) {
  std::string body;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].node.phase == phase) body += "    " + dot_node(i, nodes[i]) + "\n";
  }
  if (body.empty()) return {};
  std::string id = phase_title(phase);
  std::replace(id.begin(), id.end(), ' ', '_');
  return fmt::format(
      "  subgraph cluster_{} {{\n    label={};\n    style=\"rounded,dashed\";\n"
      "    color=\"#8c959f\";\n    fontcolor=\"#57606a\";\n{}  }}\n",
      id, quote(phase_title(phase)), body);
}

/// The last main step that nothing needs, as the place below which handlers are drawn.
std::size_t last_sink(const std::vector<GroupedNode>& nodes) {
  std::vector<bool> needed(nodes.size(), false);
  for (const GroupedNode& group : nodes) {
    for (const std::uint32_t need : group.node.needs) needed[need] = true;
  }
  std::size_t last = nodes.size();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].node.phase == pipeline::Phase::main && !needed[i]) last = i;
  }
  return last;
}

}  // namespace

std::string graph_dot(const GraphView& view) {
  using pipeline::Phase;
  const std::vector<GroupedNode> nodes = group_instances(view, kGroupAbove);
  std::string out = fmt::format(
      "digraph {0} {{\n  label={0};\n  labelloc=t;\n  rankdir=TB;\n  bgcolor=\"transparent\";\n"
      "  fontname=\"Helvetica\";\n"
      "  node [shape=box, style=\"rounded,filled\", fontname=\"Helvetica\", fontsize=11, "
      "margin=\"0.2,0.1\"];\n  edge [color=\"#8c959f\", arrowsize=0.7];\n",
      quote(view.title));
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].node.phase == Phase::main) out += "  " + dot_node(i, nodes[i]) + "\n";
  }
  for (const Phase phase : {Phase::on_success, Phase::on_failure, Phase::on_exit}) {
    out += cluster(nodes, phase);
  }
  const std::size_t sink = last_sink(nodes);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const std::uint32_t need : nodes[i].node.needs)
      out += fmt::format("  n{} -> n{};\n", need, i);
    const bool first_handler = nodes[i].node.phase != Phase::main && nodes[i].node.needs.empty();
    if (first_handler && sink < nodes.size()) {
      out += fmt::format("  n{} -> n{} [style=invis];\n", sink, i);  // handlers come below
    }
  }
  return out + "}\n";
}

Result<std::string> graph_svg(const GraphView& view) {
  auto ran = pipe_program({"dot", "-Tsvg"}, graph_dot(view));
  if (!ran) {
    return fail("cannot draw svg: " + ran.error().message +
                "\n  install Graphviz (apt-get install graphviz), or take --format dot or mermaid "
                "and draw it elsewhere");
  }
  if (ran->exit_code != 0) {
    return fail(fmt::format("cannot draw svg: dot ended with {}: {}", ran->exit_code, ran->errors));
  }
  return std::move(ran->output);
}

}  // namespace scanflow::cli
