#include "engine/pipeline/map_reader.hpp"

#include <fmt/format.h>

#include <vector>

#include "engine/pipeline/formats.hpp"
#include "engine/pipeline/text.hpp"
#include "engine/pipeline/value_check.hpp"
#include "engine/pipeline/yaml_values.hpp"
#include "sdk/base/nearest.hpp"
#include "sdk/base/units.hpp"

namespace scanflow::pipeline {
namespace {

/// Within { }: "description: this, that" is two keys.
bool follows_comma(const Source& source, const Node& key) {
  const std::string_view before = source.text().substr(0, source.offset(key.at));
  const std::size_t last = before.find_last_not_of(" \t\r\n");
  return last != std::string_view::npos && before[last] == ',';
}

}  // namespace

std::string describe_value(const Node& node) {
  if (!node.is_scalar()) return std::string(describe(node.kind));
  const auto value = scalar_value(node);
  if (!value || value->is_number()) return fmt::format("the number {}", node.text);
  if (value->is_string()) return fmt::format("the text '{}'", printable(node.text));
  return printable(node.text);
}

MapReader::MapReader(const Node& map, const Table& table, Problems& problems)
    : map_(map), table_(table), problems_(problems) {
  if (!map.is_map()) {
    problems.add(map, fmt::format("{} must be a map, not {}", table.what, describe_value(map)));
    return;
  }
  for (std::size_t i = 0; i + 1 < map.items.size(); i += 2) {
    if (map.items[i]->is_scalar()) take(*map.items[i], *map.items[i + 1]);
  }
  for (const Field& field : table.fields) {
    const Node* value = map.find(field.name);
    if (!field.required || (value != nullptr && !value->is_null())) continue;
    problems.add(map.at, 1, fmt::format("{} has no '{}'", table.what, field.name)).hint =
        fmt::format("add '{}': {}", field.name,
                    field.words.empty() ? std::string(field.doc) : join_or(field.words));
  }
}

void MapReader::take(const Node& key, const Node& value) {
  std::size_t i = 0;
  while (i < table_.fields.size() && table_.fields[i].name != key.text) ++i;
  if (i == table_.fields.size()) {
    if (table_.others == nullptr) report_unknown(key, value);
    return;
  }
  const Field& field = table_.fields[i];
  if (value.is_null() || !check_value(field, value, problems_)) return;
  if (values_[i] == nullptr) values_[i] = &value;
}

void MapReader::report_unknown(const Node& key, const Node& value) {
  if (key.text == "<<") {
    problems_.add(key, "merge keys ('<<') are not part of YAML 1.2").hint =
        "use 'defaults', or write the fields out";
    return;
  }
  std::vector<std::string> names;
  for (const Field& field : table_.fields) names.emplace_back(field.name);
  const std::string near = nearest(key.text, names);
  Diagnostic& problem =
      problems_.add(key, fmt::format("unknown field '{}' of {}", printable(key.text), table_.what));
  if (!near.empty()) {
    problem.hint = fmt::format("did you mean '{}'?", near);
    return;
  }
  if (value.is_null() && follows_comma(problems_.source(), key)) {
    problem.hint = "within { } a comma ends a text: put the whole text into quotes";
    return;
  }
  names.clear();
  for (const Field& field : table_.fields) {
    names.emplace_back(field.name);
  }
  problem.notes.push_back(fmt::format("{} has: {}", table_.what, join_or(names, "and")));
}

const Node* MapReader::get(std::string_view name) const {
  for (std::size_t i = 0; i < table_.fields.size(); ++i) {
    if (table_.fields[i].name == name) return values_[i];
  }
  return nullptr;
}

bool MapReader::has(std::string_view name) const {
  const Node* value = map_.find(name);
  return value != nullptr && !value->is_null();
}

std::int64_t duration_of(const Node& node) { return parse_duration(node.text).value(); }

double share_of(const Node& node) { return find_format("share")->parse(node.text).value(); }

double number_of(const Node& node) { return scalar_value(node).value().get<double>(); }

bool is_true(const Node& node) { return scalar_value(node) == json(true); }

}  // namespace scanflow::pipeline
