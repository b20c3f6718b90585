#include "engine/pipeline/metadata_reader.hpp"

#include <fmt/format.h>

#include "engine/pipeline/text.hpp"

namespace scanflow::pipeline {
namespace {

void read_label(const Node* node, std::string_view what, std::string& out, Problems& problems) {
  if (node == nullptr) return;
  out = node->text;
  if (is_label(node->text)) return;
  const bool vowel = std::string_view("aeiou").find(what.front()) != std::string_view::npos;
  problems
      .add(*node, fmt::format("'{}' is not the name of {} {}", printable(node->text),
                              vowel ? "an" : "a", what))
      .hint = std::string(kLabelRule);
}

void read_texts(const Node* node, std::string_view field, std::map<std::string, std::string>& out,
                Problems& problems) {
  for (std::size_t i = 0; node != nullptr && i + 1 < node->items.size(); i += 2) {
    const Node& value = *node->items[i + 1];
    if (value.is_scalar()) {
      out[node->items[i]->text] = value.text;
    } else {
      problems.add(value, fmt::format("{}.{} must be text, not {}", field,
                                      printable(node->items[i]->text), describe_value(value)));
    }
  }
}

}  // namespace

Metadata read_metadata(const MapReader& root, const Reading& reading, std::string_view what,
                       Problems& problems) {
  Metadata out;
  out.name_space = reading.name_space;
  const Node* const node = root.get("metadata");
  if (node == nullptr) return out;
  const MapReader map(*node, metadata_fields(), problems);
  read_label(map.get("name"), what, out.name, problems);
  const Node* name_space = map.get("namespace");
  read_label(name_space, "namespace", out.name_space, problems);
  if (name_space != nullptr && reading.only && name_space->text != reading.name_space) {
    problems
        .add(*name_space, fmt::format("the namespace is '{}' here, and '{}' was asked for (-n)",
                                      printable(name_space->text), reading.name_space))
        .hint = "leave one of them out";
  }
  std::map<std::string, std::string> annotations;
  read_texts(map.get("annotations"), "annotations", annotations, problems);
  read_texts(map.get("labels"), "labels", out.labels, problems);
  return out;
}

}  // namespace scanflow::pipeline
