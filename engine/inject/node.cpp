#include "engine/inject/node.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "engine/inject/scalar.hpp"

namespace scanflow::inject {
namespace {

using nlohmann::json;

[[noreturn]] void astray(std::string_view path) {
  throw std::logic_error("a patch for another manifest: there is no " + std::string(path));
}

std::size_t index_of(std::string_view token, std::size_t most) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), index);
  if (error != std::errc() || end != token.data() + token.size() || index > most) astray(token);
  return index;
}

/// Where a key stands in a map's items; their size where it is not there.
std::size_t place_of(const Node& map, std::string_view key) {
  for (std::size_t i = 0; i + 1 < map.items.size(); i += 2) {
    if (map.items[i].text == key) return i;
  }
  return map.items.size();
}

using Place = std::vector<Node>::difference_type;

void change_list(Node& list, std::string_view token, std::string_view op, Node value) {
  auto& items = list.items;
  const std::size_t index =
      token == "-" ? items.size() : index_of(token, op == "add" ? items.size() : items.size() - 1);
  if (op == "add") {
    items.insert(items.begin() + static_cast<Place>(index), std::move(value));
  } else if (index >= items.size()) {
    astray(token);
  } else if (op == "remove") {
    items.erase(items.begin() + static_cast<Place>(index));
  } else {
    items[index] = std::move(value);
  }
}

void change_map(Node& map, const std::string& token, std::string_view op, Node value) {
  auto& items = map.items;
  const std::size_t at = place_of(map, token);
  if (at < items.size()) {
    if (op != "remove") {
      items[at + 1] = std::move(value);
    } else {
      items.erase(items.begin() + static_cast<Place>(at),
                  items.begin() + static_cast<Place>(at + 2));
    }
  } else if (op == "add") {
    items.push_back(from_json(token));
    items.push_back(std::move(value));
  } else {
    astray(token);
  }
}

void carry_out(Node& root, const json& operation) {
  const json::json_pointer pointer(operation.at("path").get<std::string>());
  const std::string op = operation.at("op").get<std::string>();
  Node value = op == "remove" ? Node() : from_json(operation.at("value"));
  if (pointer.empty()) {
    root = std::move(value);
    return;
  }
  std::vector<std::string> tokens;
  for (json::json_pointer at = pointer; !at.empty(); at.pop_back()) tokens.push_back(at.back());
  Node* node = &root;
  for (std::size_t i = tokens.size() - 1; i > 0; --i) {
    Node* next = node->kind == NodeKind::map ? node->find(tokens[i]) : nullptr;
    if (node->kind == NodeKind::list && !node->items.empty())
      next = &node->items[index_of(tokens[i], node->items.size() - 1)];
    if (next == nullptr) astray(pointer.to_string());
    node = next;
  }
  if (node->kind == NodeKind::list) {
    change_list(*node, tokens.front(), op, std::move(value));
  } else if (node->kind == NodeKind::map) {
    change_map(*node, tokens.front(), op, std::move(value));
  } else {
    astray(pointer.to_string());
  }
}

}  // namespace

const Node* Node::find(std::string_view key) const {
  if (kind != NodeKind::map) return nullptr;
  const std::size_t at = place_of(*this, key);
  return at < items.size() ? &items[at + 1] : nullptr;
}

Node* Node::find(std::string_view key) {
  return const_cast<Node*>(static_cast<const Node*>(this)->find(key));  // NOLINT: it is not const
}

json to_json(const Node& node) {
  switch (node.kind) {
    case NodeKind::null:
      return nullptr;
    case NodeKind::scalar:
      return scalar_value(node);
    case NodeKind::list: {
      json list = json::array();
      for (const Node& each : node.items) list.push_back(to_json(each));
      return list;
    }
    case NodeKind::map:
      break;
  }
  json object = json::object();
  for (std::size_t i = 0; i + 1 < node.items.size(); i += 2)
    object[node.items[i].text] = to_json(node.items[i + 1]);
  return object;
}

Node from_json(const json& value) {
  Node node;
  if (value.is_null()) return node;
  if (value.is_array()) {
    node.kind = NodeKind::list;
    for (const json& each : value) node.items.push_back(from_json(each));
  } else if (value.is_object()) {
    node.kind = NodeKind::map;
    const auto put = [&](const std::string& key, const json& each) {
      node.items.push_back(from_json(key));
      node.items.push_back(from_json(each));
    };
    // People look for the name first.
    if (const auto name = value.find("name"); name != value.end()) put("name", *name);
    for (const auto& [key, each] : value.items()) {
      if (key != "name") put(key, each);
    }
  } else {
    node.kind = NodeKind::scalar;
    node.plain = !value.is_string();
    node.text = value.is_string() ? value.get<std::string>() : value.dump();
  }
  return node;
}

void apply(Node& root, const json& operations) {
  for (const json& operation : operations) carry_out(root, operation);
}

}  // namespace scanflow::inject
