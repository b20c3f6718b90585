// The graph as a mermaid flowchart.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "engine/cli/graph_view.hpp"

namespace scanflow::cli {
namespace {

/// Inside a quoted label: mermaid takes HTML there, and writes characters as #CODE;.
std::string escape(std::string_view text) {
  constexpr std::string_view special = "\"#<>&;`\\";
  std::string out;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) {
      out += ' ';
    } else if (special.find(c) != std::string_view::npos) {
      out += fmt::format("#{};", static_cast<int>(c));
    } else {
      out += c;
    }
  }
  return out;
}

std::string class_of(std::string_view status) {
  if (status.find("failed") != std::string_view::npos) return "failed";
  if (status.find("running") != std::string_view::npos) return "running";
  for (const std::string_view known : {"succeeded", "cached", "skipped", "cancelled"}) {
    if (status == known) return std::string(known);
  }
  return {};
}

std::string_view definition_of(std::string_view status) {
  if (status == "succeeded") return "fill:#e6f4ea,stroke:#1a7f37,color:#0b3d1a";
  if (status == "cached") return "fill:#e2f4f6,stroke:#0a7285,color:#063d47";
  if (status == "failed") return "fill:#fdeaea,stroke:#c62828,color:#5f1010";
  if (status == "running") return "fill:#e3eefc,stroke:#1f6feb,color:#0b2f66";
  return "fill:#f1f1f1,stroke:#8c8c8c,color:#57606a";
}

std::string mermaid_node(std::size_t i, const GroupedNode& group) {
  std::string label =
      fmt::format("<b>{}</b><br>{}", escape(group.node.id), escape(group.node.uses));
  if (group.count > 1 && !group.axes.empty()) label += "<br>" + escape(group.axes);
  if (!group.node.status.empty()) label += "<br>" + escape(group.node.status);
  const std::string status = class_of(group.node.status);
  return fmt::format("n{}[\"{}\"]{}\n", i, label, status.empty() ? "" : ":::" + status);
}

}  // namespace

std::string graph_mermaid(const GraphView& view) {
  using pipeline::Phase;
  const std::vector<GroupedNode> nodes = group_instances(view, kGroupAbove);
  std::string out = fmt::format(
      "---\ntitle: {}\n---\nflowchart TD\n",
      pipeline::json(view.title).dump(-1, ' ', false, pipeline::json::error_handler_t::replace));
  for (const Phase phase : {Phase::main, Phase::on_success, Phase::on_failure, Phase::on_exit}) {
    std::string body;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (nodes[i].node.phase != phase) continue;
      body += (phase == Phase::main ? "  " : "    ") + mermaid_node(i, nodes[i]);
    }
    if (body.empty() || phase == Phase::main) {
      out += body;
      continue;
    }
    std::string id = phase_title(phase);
    std::replace(id.begin(), id.end(), ' ', '_');
    out += fmt::format("  subgraph {} [\"{}\"]\n{}  end\n", id, phase_title(phase), body);
  }
  std::set<std::string> classes;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const std::uint32_t need : nodes[i].node.needs) {
      out += fmt::format("  n{} --> n{}\n", need, i);
    }
    if (const std::string status = class_of(nodes[i].node.status); !status.empty()) {
      classes.insert(status);
    }
  }
  for (const std::string& status : classes) {
    out += fmt::format("  classDef {} {}\n", status, definition_of(status));
  }
  return out;
}

}  // namespace scanflow::cli
