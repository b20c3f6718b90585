// The graph on a terminal.
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "engine/cli/graph_view.hpp"

namespace scanflow::cli {
namespace {

constexpr std::uint32_t kDeepestTree = 16;  // more levels leave no room for names: layers instead
constexpr std::size_t kTextGroupAbove = 1;  // a terminal has few lines: every matrix is one

/// Control characters in names must not reach a terminal.
std::string clean(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  }
  return out;
}

/// Columns on a terminal, one for each code point: near enough for names.
std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

struct Row {
  std::string left;  // branches and name
  std::string uses;
  std::string note;
  std::string status;
};

std::string_view mark(std::string_view status, bool unicode) {
  if (status.empty()) return unicode ? "●" : "*";
  if (status == "succeeded") return unicode ? "✓" : "+";
  if (status == "cached") return unicode ? "≡" : "=";
  if (status == "failed" || status.find("failed") != std::string_view::npos) {
    return unicode ? "✗" : "x";
  }
  if (status == "cancelled" || status == "skipped") return unicode ? "−" : "-";
  if (status.find("running") != std::string_view::npos) return unicode ? "●" : "*";
  return unicode ? "○" : "o";
}

std::string_view color_of(std::string_view mark) {
  if (mark == "✓" || mark == "+") return "\x1b[32m";
  if (mark == "≡" || mark == "=") return "\x1b[36m";
  if (mark == "✗" || mark == "x") return "\x1b[31m";
  if (mark == "●" || mark == "*") return "\x1b[34m";
  return "\x1b[2m";
}

class Text {
 public:
  Text(std::vector<GroupedNode> nodes, const TextStyle& style)
      : nodes_(std::move(nodes)), style_(style), layer_(layers_of(nodes_)) {}

  std::string phase(pipeline::Phase phase) {
    std::vector<std::uint32_t> members;
    std::uint32_t deepest = 0;
    for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i].node.phase != phase) continue;
      members.push_back(i);
      deepest = std::max(deepest, layer_[i]);
    }
    if (members.empty()) return {};
    rows_.clear();
    if (deepest < kDeepestTree) {
      tree(members);
    } else {
      layers(members);
    }
    return print(phase_title(phase));
  }

 private:
  std::string also_after(std::uint32_t node, std::uint32_t parent, std::string_view word) const {
    std::vector<std::string> names;
    for (const std::uint32_t need : nodes_[node].node.needs) {
      if (need != parent) names.push_back(clean(nodes_[need].node.id));
    }
    return names.empty() ? "" : fmt::format("{} {}", word, fmt::join(names, ", "));
  }

  void add(std::string left, std::uint32_t i, std::string after) {
    const GroupedNode& group = nodes_[i];
    std::vector<std::string> notes;
    // A single instance has its axes in its name.
    if (group.count > 1) notes.push_back(clean(group.axes));
    if (!after.empty()) notes.push_back(std::move(after));
    if (!group.node.when.empty()) notes.push_back("when " + clean(group.node.when));
    rows_.push_back({std::move(left), clean(group.node.uses),
                     fmt::format("{}", fmt::join(notes, "  ")), group.node.status});
  }

  std::string label(std::uint32_t i) const {
    const std::string& status = nodes_[i].node.status;
    const std::string_view sign = mark(status, style_.unicode);
    const std::string name = clean(nodes_[i].node.id);
    if (!style_.color) return fmt::format("{} {}", sign, name);
    return fmt::format("{}{}\x1b[0m {}", color_of(sign), sign, name);
  }

  void tree(const std::vector<std::uint32_t>& members) {
    std::vector<std::vector<std::uint32_t>> children(nodes_.size());
    std::vector<std::uint32_t> roots;
    for (const std::uint32_t i : members) {
      const auto& needs = nodes_[i].node.needs;
      const auto deepest = std::max_element(needs.begin(), needs.end(),
                                            [&](auto a, auto b) { return layer_[a] < layer_[b]; });
      (deepest == needs.end() ? roots : children[*deepest]).push_back(i);
    }
    for (const std::uint32_t root : roots) branch(children, root, root, "", "");
  }

  void branch(const std::vector<std::vector<std::uint32_t>>& children, std::uint32_t i,
              std::uint32_t parent, const std::string& before, const std::string& below) {
    add(before + label(i), i, parent == i ? "" : also_after(i, parent, "also after"));
    for (std::size_t c = 0; c < children[i].size(); ++c) {
      const bool last = c + 1 == children[i].size();
      const std::string_view turn =
          style_.unicode ? (last ? "└─ " : "├─ ") : (last ? "`- " : "|- ");
      const std::string_view pass =
          style_.unicode ? (last ? "   " : "│  ") : (last ? "   " : "|  ");
      branch(children, children[i][c], i, fmt::format("{}{}", below, turn),
             fmt::format("{}{}", below, pass));
    }
  }

  void layers(std::vector<std::uint32_t> members) {
    std::stable_sort(members.begin(), members.end(),
                     [&](auto a, auto b) { return layer_[a] < layer_[b]; });
    for (const std::uint32_t i : members) {
      add(fmt::format("{:>4}  {}", layer_[i] + 1, label(i)), i,
          also_after(i, static_cast<std::uint32_t>(nodes_.size()), "after"));
    }
  }

  std::string print(const std::string& title) const {
    std::size_t left = 0, uses = 0;
    for (const Row& row : rows_) {
      left = std::max(left, visible(row.left));
      uses = std::max(uses, columns(row.uses));
    }
    left = std::min<std::size_t>(left, 60);
    std::string out;
    if (!title.empty()) {
      out +=
          style_.color ? fmt::format("\n\x1b[1m{}\x1b[0m\n", title) : fmt::format("\n{}\n", title);
    }
    for (const Row& row : rows_) {
      std::string line =
          fmt::format("  {}{}  {}", row.left, pad(left, visible(row.left)), row.uses);
      std::string rest = row.note;
      if (!row.status.empty()) rest.insert(0, row.status + (rest.empty() ? "" : "  "));
      if (!rest.empty()) {
        line += pad(uses + 2, columns(row.uses));
        line += style_.color ? fmt::format("\x1b[2m{}\x1b[0m", rest) : rest;
      }
      out += line;
      out += '\n';
    }
    return out;
  }

  static std::string pad(std::size_t width, std::size_t used) {
    return std::string(width > used ? width - used : 0, ' ');
  }

  /// Columns without the escape sequences of colours, of which a label has two.
  std::size_t visible(const std::string& text) const {
    std::size_t hidden = 0;
    for (std::size_t at = text.find('\x1b'); at != std::string::npos;
         at = text.find('\x1b', at + 1)) {
      hidden += text.find('m', at) - at + 1;
    }
    return columns(text) - hidden;
  }

  std::vector<GroupedNode> nodes_;
  TextStyle style_;
  std::vector<std::uint32_t> layer_;
  std::vector<Row> rows_;
};

}  // namespace

std::string graph_text(const GraphView& view, const TextStyle& style) {
  const std::size_t count = view.nodes.size();
  std::string out = clean(view.title);
  if (style.color) out = fmt::format("\x1b[1m{}\x1b[0m", out);
  if (!view.name_space.empty()) out += "  " + clean(view.name_space);
  out += fmt::format("  {} step{}\n", count, count == 1 ? "" : "s");
  Text text(group_instances(view, kTextGroupAbove), style);
  using pipeline::Phase;
  for (const Phase phase : {Phase::main, Phase::on_success, Phase::on_failure, Phase::on_exit}) {
    out += text.phase(phase);
  }
  return out;
}

}  // namespace scanflow::cli
