#include "engine/pipeline/yaml_document.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>
#include <limits>
#include <streambuf>
#include <unordered_map>

#include "engine/pipeline/text.hpp"

namespace scanflow::pipeline {
namespace {

/// Ends the parse from within an event: the problem has been reported.
struct Stop {};

/// "!!int" and the like: what YAML's core schema knows.
bool is_scalar_tag(std::string_view tag) {
  constexpr std::string_view kCore = "tag:yaml.org,2002:";
  if (!tag.starts_with(kCore)) return false;
  const std::string_view name = tag.substr(kCore.size());
  return name == "str" || name == "int" || name == "float" || name == "bool" || name == "null";
}

/// Reads a text in place.
struct TextBuffer : std::streambuf {
  explicit TextBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // NOLINT: streambuf only reads from it
    setg(begin, begin, begin + text.size());
  }
};

/// Builds the tree from yaml-cpp's events; stops it before its recursion gets deep.
class Builder : public YAML::EventHandler {
 public:
  Builder(const Source& source, Problems& problems, const YamlLimits& limits, YamlDocument& out)
      : source_(source), problems_(problems), limits_(limits), out_(out) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    anchors_.clear();
    // yaml-cpp takes a bracket that nothing opens for an empty document, and stays before it for ever.
    if (mark.pos == document_at_) {
      problems_.add(source_.location(mark.line, mark.column), 1,
                    "not valid YAML: nothing can begin here");
      throw Stop{};
    }
    document_at_ = mark.pos;
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node& node = make(NodeKind::null, mark, anchor);
    node.complete = true;
    attach(node);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node& node = make(NodeKind::scalar, mark, anchor);
    node.text = value;
    node.complete = true;
    node.plain = tag == "?" || (is_scalar_tag(tag) && !tag.ends_with(":str"));
    if (tag != "?" && tag != "!" && !is_scalar_tag(tag)) refuse_tag(node, tag);
    attach(node);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const Location at = locate(mark);
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) return;  // yaml-cpp has reported it
    Node& node = *found->second;
    if (!node.complete) stop(at, "this alias stands inside what it names: it would never end");
    if (++aliases_ > limits_.aliases) {
      stop(at, fmt::format("more than {} aliases; write the values out, or use 'defaults'",
                           limits_.aliases));
    }
    alias_nodes_ += node.size;
    if (alias_nodes_ > limits_.alias_nodes) {
      stop(at, fmt::format("aliases that stand for more than {} values (an alias bomb?); write "
                           "out what you mean, or use a matrix",
                           limits_.alias_nodes));
    }
    if (stack_.size() + node.height > limits_.depth) stop_depth(at);
    attach(node);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(NodeKind::sequence, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(NodeKind::map, mark, tag, anchor);
  }
  void OnMapEnd() override {
    check_keys(*stack_.back());
    close();
  }

 private:
  /// Events come in the order of the text: characters are counted on from the last place, or a
  /// long line with other than ASCII would cost its square.
  Location locate(const YAML::Mark& mark) {
    if (source_.ascii()) return {mark.line + 1, mark.column + 1};
    if (mark.line != line_ || mark.column < bytes_) {
      line_ = mark.line;
      bytes_ = 0;
      column_ = 1;
    }
    const std::size_t start = source_.offset({line_ + 1, 1}) + static_cast<std::size_t>(bytes_);
    column_ += static_cast<int>(count_characters(
        source_.text().substr(start, static_cast<std::size_t>(mark.column - bytes_))));
    bytes_ = mark.column;
    return {line_ + 1, column_};
  }

  [[noreturn]] void stop(Location at, std::string message) {
    problems_.add(at, 1, std::move(message));
    throw Stop{};
  }

  [[noreturn]] void stop_depth(Location at) {
    stop(at, fmt::format("nested deeper than {} levels; flatten it", limits_.depth));
  }

  void refuse_tag(const Node& node, std::string tag) {
    constexpr std::string_view kCore = "tag:yaml.org,2002:";
    if (tag.starts_with(kCore)) tag.replace(0, kCore.size(), "!!");
    problems_.add(node, fmt::format("the tag '{}' is not supported; leave it out", printable(tag)));
  }

  Node& make(NodeKind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    Node& node = out_.nodes.emplace_back();
    node.kind = kind;
    node.at = locate(mark);
    if (anchor != 0) anchors_[anchor] = &node;
    return node;
  }

  void attach(Node& node) {
    if (stack_.empty()) {
      out_.roots.push_back(&node);
      return;
    }
    Node& parent = *stack_.back();
    parent.items.push_back(&node);
    const std::uint64_t size = std::uint64_t{parent.size} + node.size;
    parent.size = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(size, std::numeric_limits<std::uint32_t>::max()));
    parent.height =
        std::max<std::uint8_t>(parent.height, static_cast<std::uint8_t>(node.height + 1));
  }

  void open(NodeKind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (stack_.size() >= limits_.depth) stop_depth(locate(mark));
    Node& node = make(kind, mark, anchor);
    if (tag != "?" && tag != "tag:yaml.org,2002:map" && tag != "tag:yaml.org,2002:seq") {
      refuse_tag(node, tag);
    }
    stack_.push_back(&node);
  }

  void close() {
    Node& node = *stack_.back();
    node.complete = true;
    stack_.pop_back();
    attach(node);
  }

  /// Keys must be text, and each there once.
  void check_keys(const Node& map) {
    std::unordered_map<std::string_view, const Node*> seen;
    const bool large = map.items.size() > 32;
    for (std::size_t i = 0; i + 1 < map.items.size(); i += 2) {
      const Node& key = *map.items[i];
      if (!key.is_scalar()) {
        problems_.add(key, fmt::format("a key must be text, not {}", describe(key.kind)));
        continue;
      }
      const Node* first = nullptr;
      if (large) {
        const auto [it, inserted] = seen.emplace(key.text, &key);
        if (!inserted) first = it->second;
      } else {
        for (std::size_t j = 0; j < i && first == nullptr; j += 2) {
          if (map.items[j]->is_scalar() && map.items[j]->text == key.text) first = map.items[j];
        }
      }
      if (first == nullptr) continue;
      Diagnostic& problem =
          problems_.add(key, fmt::format("duplicate key '{}'", printable(key.text)));
      problem.hint = "remove or rename one of them";
      problem.notes.push_back(fmt::format("first given at {}", problems_.place(first->at)));
    }
  }

  int document_at_ = -1;  // where the last one began
  const Source& source_;
  Problems& problems_;
  const YamlLimits& limits_;
  YamlDocument& out_;
  std::vector<Node*> stack_;
  std::unordered_map<YAML::anchor_t, Node*> anchors_;
  int line_ = -1, bytes_ = 0, column_ = 1;  // of the last place, for locate()
  std::size_t aliases_ = 0;
  std::size_t alias_nodes_ = 0;
};

bool indented_with_tab(std::string_view line) {
  return line.substr(0, line.find_first_not_of(" \t")).find('\t') != std::string_view::npos;
}

/// What usually is behind a syntax error.
std::string guess(const Source& source, int line, std::string_view message) {
  for (int near = line; near >= std::max(1, line - 1); --near) {
    if (indented_with_tab(source.line(near))) {
      return "YAML is indented with spaces: replace the tab";
    }
  }
  for (int near = line; near >= std::max(1, line - 1); --near) {
    const std::string_view text = source.line(near);
    const std::size_t expression = text.find("${{");
    if (expression != std::string_view::npos &&
        text.substr(0, expression).find_first_of("\"'") == std::string_view::npos) {
      return "put expressions into quotes: \"${{ ... }}\"";
    }
  }
  if (message.starts_with("illegal map value")) {
    return "': ' begins a value: put the whole text into single quotes, or write '|' and the text "
           "on "
           "the next lines (run: |)";
  }
  if (message.starts_with("end of sequence flow")) return "a '[' before this is not closed";
  if (message.starts_with("end of map flow")) return "a '{' before this is not closed";
  return {};
}

/// Is it text at all? yaml-cpp would replace what is not.
bool check_yaml_text(const Source& source, Problems& problems, const YamlLimits& limits) {
  const std::string_view text = source.text();
  if (text.size() > limits.bytes) {
    problems.add({1, 1}, 1,
                 fmt::format("the file has {} bytes, more than the {} that are allowed; use a "
                             "matrix, or split it",
                             text.size(), limits.bytes));
    return false;
  }
  const std::size_t bad = find_not_text(text);
  if (bad == std::string_view::npos) return true;
  problems
      .add(source.location(bad), 1,
           fmt::format("not YAML: the byte 0x{:02x} is not part of UTF-8 text",
                       static_cast<unsigned char>(text[bad])))
      .hint = "save the file as UTF-8 text";
  return false;
}

}  // namespace

std::string_view describe(NodeKind kind) {
  switch (kind) {
    case NodeKind::null:
      return "nothing";
    case NodeKind::scalar:
      return "a single value";
    case NodeKind::sequence:
      return "a list";
    case NodeKind::map:
      return "a map";
  }
  return "";
}

const Node* Node::find_key(std::string_view key) const {
  if (!is_map()) return nullptr;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    if (items[i]->is_scalar() && items[i]->text == key) return items[i];
  }
  return nullptr;
}

const Node* Node::find(std::string_view key) const {
  if (!is_map()) return nullptr;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    if (items[i]->is_scalar() && items[i]->text == key) return items[i + 1];
  }
  return nullptr;
}

YamlDocument parse_yaml(const Source& source, Problems& problems, const YamlLimits& limits) {
  YamlDocument document;
  if (!check_yaml_text(source, problems, limits)) return document;
  TextBuffer buffer(source.text());
  std::istream stream(&buffer);
  Builder builder(source, problems, limits, document);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Stop&) {
    document.roots.clear();
  } catch (const YAML::Exception& error) {
    document.roots.clear();
    const Location at =
        error.mark.is_null() ? Location{1, 1} : source.location(error.mark.line, error.mark.column);
    problems.add(at, 1, fmt::format("not valid YAML: {}", error.msg)).hint =
        guess(source, at.line, error.msg);
  }
  return document;
}

}  // namespace scanflow::pipeline
