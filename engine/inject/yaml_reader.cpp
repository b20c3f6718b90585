#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <istream>
#include <set>
#include <streambuf>
#include <unordered_map>
#include <unordered_set>

#include "engine/inject/yaml.hpp"

namespace scanflow::inject {
namespace {

/// Ends the parse from within an event.
struct Stop {
  std::string message;
};

/// Reads a text in place.
struct TextBuffer : std::streambuf {
  explicit TextBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // NOLINT: streambuf only reads from it
    setg(begin, begin, begin + text.size());
  }
};

/// "!!int" of "tag:yaml.org,2002:int"; "" of what says nothing more than the scalar's style.
std::string short_tag(const std::string& tag) {
  constexpr std::string_view kCore = "tag:yaml.org,2002:";
  if (tag.empty() || tag == "?" || tag == "!") return "";
  if (tag.starts_with(kCore)) return "!!" + tag.substr(kCore.size());
  return tag.starts_with('!') ? tag : "!<" + tag + ">";
}

std::size_t count(const Node& node) {
  std::size_t nodes = 1;
  for (const Node& each : node.items) nodes += count(each);
  return nodes;
}
std::size_t height(const Node& node) {
  std::size_t most = 0;
  for (const Node& each : node.items) most = std::max(most, height(each) + 1);
  return most;
}

class Builder : public YAML::EventHandler {
 public:
  Builder(int line, const YamlLimits& limits) : line_(line), limits_(limits) {}
  Node take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (std::exchange(begun_, true)) stop(mark, "a second document begins here without a '---'");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(mark, Node(), anchor); }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node node;
    node.kind = NodeKind::scalar;
    node.text = value;
    node.plain = tag == "?";
    node.tag = short_tag(tag);
    if (node.tag == "!!str") node.tag.clear();  // that is what quotes say
    add(mark, std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end())
      stop(mark, "this alias stands inside what it names: it would never end");
    alias_nodes_ += count(found->second);
    if (alias_nodes_ > limits_.alias_nodes) {
      stop(mark,
           fmt::format("aliases that stand for more than {} values (an alias bomb?): write out "
                       "what is meant",
                       limits_.alias_nodes));
    }
    if (stack_.size() + height(found->second) > limits_.depth) stop_depth(mark);
    add(mark, found->second, 0);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, NodeKind::list, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, NodeKind::map, tag, anchor);
  }
  void OnMapEnd() override {
    merge(stack_.back());
    close();
  }

 private:
  struct Open {
    Node node;
    YAML::anchor_t anchor = 0;
    YAML::Mark mark;
    std::unordered_set<std::string> keys;  // so far, where there are many
    bool merges = false;                   // it has a "<<"
  };

  [[noreturn]] void stop(const YAML::Mark& mark, std::string_view message) const {
    throw Stop{fmt::format("{}:{}: {}", mark.line + line_, mark.column + 1, message)};
  }
  [[noreturn]] void stop_depth(const YAML::Mark& mark) const {
    stop(mark, fmt::format("nested deeper than {} levels", limits_.depth));
  }

  void add(const YAML::Mark& mark, Node node, YAML::anchor_t anchor) {
    if (++nodes_ > limits_.nodes)
      stop(mark, fmt::format("more than {} values in one document: split it", limits_.nodes));
    if (anchor != 0) anchors_.insert_or_assign(anchor, node);
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = stack_.back();
    if (parent.node.kind == NodeKind::map && parent.node.items.size() % 2 == 0)
      key(mark, parent, node);
    parent.node.items.push_back(std::move(node));
  }

  static std::unordered_set<std::string> keys_of(const Node& map) {
    std::unordered_set<std::string> keys;
    for (std::size_t i = 0; i < map.items.size(); i += 2) keys.insert(map.items[i].text);
    return keys;
  }

  /// Most maps are small: to look through their keys is cheaper than to keep a set of them.
  static bool has_key(Open& map, const std::string& text) {
    constexpr std::size_t kFew = 32;
    const auto& items = map.node.items;
    if (items.size() < kFew) {
      for (std::size_t i = 0; i < items.size(); i += 2) {
        if (items[i].text == text) return true;
      }
      return false;
    }
    if (map.keys.empty()) map.keys = keys_of(map.node);
    return !map.keys.insert(text).second;
  }

  void key(const YAML::Mark& mark, Open& map, Node& node) const {
    if (node.kind == NodeKind::null) {  // yaml-cpp does not say how it was written
      node.kind = NodeKind::scalar;
      node.text = "null";
    }
    if (node.kind != NodeKind::scalar) stop(mark, "a key must be text");
    if (node.plain && node.text == "<<") {
      map.merges = true;
      return;
    }
    if (has_key(map, node.text))
      stop(mark, fmt::format("the key '{}' is there twice: remove or rename one", node.text));
  }

  void open(const YAML::Mark& mark, NodeKind kind, const std::string& tag, YAML::anchor_t anchor) {
    if (stack_.size() >= limits_.depth) stop_depth(mark);
    Open& opened = stack_.emplace_back();
    opened.node.kind = kind;
    opened.node.tag = short_tag(tag);
    if (opened.node.tag == "!!map" || opened.node.tag == "!!seq") opened.node.tag.clear();
    opened.anchor = anchor;
    opened.mark = mark;
  }

  void close() {
    Open closed = std::move(stack_.back());
    stack_.pop_back();
    add(closed.mark, std::move(closed.node), closed.anchor);
  }

  /// `<<: *base` and `<<: [*a, *b]`: what the map says itself, and what was merged before, has
  /// precedence.
  void merge(Open& map) {
    if (!map.merges) return;
    std::unordered_set<std::string> keys = keys_of(map.node);
    std::vector<Node> items, merged;
    const auto take = [&](Node& from) {
      if (from.kind != NodeKind::map) stop(map.mark, "'<<' takes a map, or a list of maps");
      for (std::size_t i = 0; i + 1 < from.items.size(); i += 2) {
        if (!keys.insert(from.items[i].text).second) continue;
        merged.push_back(std::move(from.items[i]));
        merged.push_back(std::move(from.items[i + 1]));
      }
    };
    auto& all = map.node.items;
    for (std::size_t i = 0; i + 1 < all.size(); i += 2) {
      if (all[i].kind != NodeKind::scalar || !all[i].plain || all[i].text != "<<") {
        items.push_back(std::move(all[i]));
        items.push_back(std::move(all[i + 1]));
      } else if (all[i + 1].kind == NodeKind::list) {
        for (Node& each : all[i + 1].items) take(each);
      } else {
        take(all[i + 1]);
      }
    }
    for (Node& each : merged) items.push_back(std::move(each));
    all = std::move(items);
  }

  const int line_;
  const YamlLimits& limits_;
  Node root_;
  std::vector<Open> stack_;
  std::unordered_map<YAML::anchor_t, Node> anchors_;
  std::size_t nodes_ = 0, alias_nodes_ = 0;
  bool begun_ = false;
};

}  // namespace

Result<Node> read_yaml(std::string_view text, int line, const YamlLimits& limits) {
  TextBuffer buffer(text);
  std::istream stream(&buffer);
  Builder builder(line, limits);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Stop& stopped) {
    return fail(stopped.message);
  } catch (const YAML::Exception& error) {
    const bool known = !error.mark.is_null();
    return fail(fmt::format("{}:{}: not valid YAML: {}", known ? error.mark.line + line : line,
                            known ? error.mark.column + 1 : 1, error.msg));
  }
  return builder.take();
}

}  // namespace scanflow::inject
