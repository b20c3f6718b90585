// A manifest as a tree that keeps what its author wrote: the order of keys, and of each scalar its
// text and whether it was quoted. So whatever reads the result reads the same values as before.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace scanflow::inject {

enum class NodeKind : std::uint8_t { null, scalar, list, map };

struct Node {
  NodeKind kind = NodeKind::null;
  bool plain = false;       // of a scalar: unquoted, so it may be a number, a truth, ...
  std::string tag;          // "!!binary", "!own"; mostly empty
  std::string text;         // of a scalar
  std::vector<Node> items;  // of a list; of a map key, value, key, value, ...

  /// The value under a key; null where there is none.
  Node* find(std::string_view key);
  const Node* find(std::string_view key) const;
};

/// As Kubernetes reads it (YAML 1.1: `yes` is true, 014 is 12, a date is text).
nlohmann::json to_json(const Node& node);
/// Strings are quoted, the rest is plain.
Node from_json(const nlohmann::json& value);

/// Carries out what inject() said: add, replace, remove. Throws std::logic_error where the tree does
/// not have what an operation names: it was made for another one.
void apply(Node& root, const nlohmann::json& operations);

}  // namespace scanflow::inject
