#include "engine/inject/json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <unordered_set>
#include <vector>

#include "engine/inject/scalar.hpp"

namespace scanflow::inject {
namespace {

using nlohmann::json;

constexpr std::size_t kDeepest = 100;
constexpr std::size_t kIndent = 4;

/// Builds the tree; nlohmann's own would lose the text of numbers, and the first of two equal keys.
class JsonBuilder {
 public:
  using number_integer_t = json::number_integer_t;
  using number_unsigned_t = json::number_unsigned_t;
  using number_float_t = json::number_float_t;
  using string_t = json::string_t;
  using binary_t = json::binary_t;

  // --- the names are nlohmann's
  bool null() { return add(Node()); }
  bool boolean(bool value) { return scalar(value ? "true" : "false", true); }
  bool number_integer(number_integer_t value) { return scalar(std::to_string(value), true); }
  bool number_unsigned(number_unsigned_t value) { return scalar(std::to_string(value), true); }
  bool number_float(number_float_t /*value*/, const string_t& text) { return scalar(text, true); }
  bool string(string_t& value) { return scalar(value, false); }
  bool binary(binary_t& /*value*/) { return false; }  // not in text
  bool start_object(std::size_t /*size*/) { return open(NodeKind::map); }
  bool start_array(std::size_t /*size*/) { return open(NodeKind::list); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(string_t& name) {
    if (!open_.back().keys.insert(name).second) {
      problem_ = fmt::format("the key '{}' is there twice: remove or rename one", name);
      return false;
    }
    Node node;
    node.kind = NodeKind::scalar;
    node.text = name;
    open_.back().node.items.push_back(std::move(node));
    return true;
  }
  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const json::exception& error) {
    position_ = position;
    problem_ = error.what();
    if (const std::size_t name = problem_.find("] "); name != std::string::npos)
      problem_.erase(0, name + 2);
    constexpr std::string_view kWhere = "parse error";
    if (const std::size_t colon = problem_.find(": ");
        problem_.starts_with(kWhere) && colon != std::string::npos)
      problem_.erase(0, colon + 2);
    return false;
  }

  Node take() { return std::move(root_); }
  const std::string& problem() const { return problem_; }
  /// Of the problem: in bytes from 1; 0: where it was read last is not known.
  std::size_t position() const { return position_; }

 private:
  struct Open {
    Node node;
    std::unordered_set<std::string> keys;
  };

  bool scalar(std::string text, bool plain) {
    Node node;
    node.kind = NodeKind::scalar;
    node.text = std::move(text);
    node.plain = plain;
    return add(std::move(node));
  }
  bool add(Node node) {
    (open_.empty() ? root_ : open_.back().node.items.emplace_back()) = std::move(node);
    return true;
  }
  bool open(NodeKind kind) {
    if (open_.size() >= kDeepest) {
      problem_ = fmt::format("nested deeper than {} levels", kDeepest);
      return false;
    }
    open_.emplace_back().node.kind = kind;
    return true;
  }
  bool close() {
    Node node = std::move(open_.back().node);
    open_.pop_back();
    return add(std::move(node));
  }

  Node root_;
  std::vector<Open> open_;
  std::string problem_;
  std::size_t position_ = 0;
};

std::string json_quoted(const std::string& text) {
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

void write(const Node& node, std::size_t depth, std::string& out) {
  const auto line = [&](std::size_t level) { out.append(1, '\n').append(level * kIndent, ' '); };
  switch (node.kind) {
    case NodeKind::null:
      out += "null";
      return;
    case NodeKind::scalar:
      // A tree that was YAML may have numbers that JSON has not, and text without quotes.
      out += !node.plain               ? json_quoted(node.text)
             : json::accept(node.text) ? node.text
                                       : scalar_value(node).dump();
      return;
    case NodeKind::list:
    case NodeKind::map:
      break;
  }
  const bool map = node.kind == NodeKind::map;
  out += map ? '{' : '[';
  for (std::size_t i = 0; i < node.items.size(); i += map ? 2 : 1) {
    if (i > 0) out += ',';
    line(depth + 1);
    if (map) out += json_quoted(node.items[i].text) + ": ";
    write(node.items[map ? i + 1 : i], depth + 1, out);
  }
  if (!node.items.empty()) line(depth);
  out += map ? '}' : ']';
}

}  // namespace

Result<Node> read_json(std::string_view text, int line) {
  JsonBuilder builder;
  if (json::sax_parse(text.begin(), text.end(), &builder)) return builder.take();
  const std::string_view before =
      text.substr(0, std::min(builder.position() > 0 ? builder.position() - 1 : 0, text.size()));
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const std::size_t last = before.rfind('\n');
  const std::size_t column =
      last == std::string_view::npos ? before.size() : before.size() - last - 1;
  return fail(fmt::format("{}:{}: not valid JSON: {}", line + static_cast<int>(lines), column + 1,
                          builder.problem()));
}

std::string write_json(const Node& node) {
  std::string out;
  write(node, 0, out);
  return out + '\n';
}

}  // namespace scanflow::inject
