// YAML text -> a small tree that knows where everything stands. yaml-cpp parses; its own tree is
// not used, because it keeps the first of two equal keys silently, and bounds neither depth nor
// aliases.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "engine/pipeline/problems.hpp"
#include "engine/pipeline/spec.hpp"

namespace scanflow::pipeline {

enum class NodeKind : std::uint8_t { null, scalar, sequence, map };
std::string_view describe(NodeKind kind);  // "a list", for messages

/// Owned by its YamlDocument; an alias is the same node once more.
struct Node {
  NodeKind kind = NodeKind::null;
  bool plain = false;        // of a scalar: unquoted, so "3" is a number
  bool complete = false;     // false while its children are being read
  std::uint8_t height = 0;   // of the tree below it
  std::uint32_t size = 1;    // nodes in it, aliases written out; saturates
  Location at;               // column in characters
  std::string text;          // of a scalar
  std::vector<Node*> items;  // of a sequence; of a map key, value, key, value, ...

  bool is_map() const { return kind == NodeKind::map; }
  bool is_list() const { return kind == NodeKind::sequence; }
  bool is_scalar() const { return kind == NodeKind::scalar; }
  bool is_null() const { return kind == NodeKind::null; }
  /// The value under a key, or null.
  const Node* find(std::string_view key) const;
  const Node* find_key(std::string_view key) const;
};

struct YamlLimits {
  std::size_t bytes = 8 << 20;
  std::size_t depth = 64;
  std::size_t aliases = 1000;
  std::size_t alias_nodes = 100'000;
};

struct YamlDocument {
  std::deque<Node> nodes;
  std::vector<const Node*> roots;  // of each document of the stream
};

/// Problems go to `problems`; what could be read is returned all the same, so that the rest is
/// checked in the same go. After a syntax error `roots` is empty.
YamlDocument parse_yaml(const Source& source, Problems& problems, const YamlLimits& limits = {});

}  // namespace scanflow::pipeline
