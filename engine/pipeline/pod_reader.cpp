#include "engine/pipeline/pod_reader.hpp"

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <iterator>

#include "engine/pipeline/fields.hpp"
#include "engine/pipeline/pod_fields.hpp"
#include "engine/pipeline/step_reader.hpp"
#include "engine/pipeline/text.hpp"
#include "engine/pipeline/value_check.hpp"
#include "engine/pipeline/yaml_values.hpp"
#include "sdk/base/units.hpp"

namespace scanflow::pipeline {

void read_reuse(const Node& node, Reuse& reuse, Problems& problems) {
  if (node.is_scalar()) {
    reuse.enabled = is_true(node);
    return;
  }
  const MapReader map(node, reuse_fields(), problems);
  reuse.enabled = true;
  if (const Node* idle = map.get("idle")) reuse.idle_us = duration_of(*idle);
  if (const Node* uses = map.get("uses")) reuse.uses = static_cast<std::uint32_t>(number_of(*uses));
  if (const Node* age = map.get("age")) reuse.age_us = duration_of(*age);
}

namespace {

/// Where something is mounted already.
constexpr std::array kTaken = {std::string_view("/scanflow"),
                               std::string_view("/run/scanflow"),
                               std::string_view("/tmp"),
                               std::string_view("/proc"),
                               std::string_view("/sys"),
                               std::string_view("/dev"),
                               std::string_view("/var/run/secrets/kubernetes.io/serviceaccount")};

bool is_within(std::string_view path, std::string_view directory) {
  return path == directory ||
         (path.starts_with(directory) && path.substr(directory.size()).starts_with('/'));
}

/// "" where a volume can be mounted there.
std::string wrong_place(const std::string& path) {
  const auto normal = std::filesystem::path(path).lexically_normal();
  if (!normal.is_absolute() || normal != path || !normal.has_filename() || path.starts_with("//"))
    return "must be an absolute path, as /data, without '..' and without '/' at its end";
  for (const std::string_view taken : kTaken) {
    if (path == "/dev/shm") break;  // larger than what a runtime gives it
    if (is_within(path, taken) || is_within(taken, path))
      return fmt::format("is where {} is mounted already", taken);
  }
  return path.find(':') == std::string::npos ? "" : "must not have a ':'";
}

/// What it is: one of three.
void read_source(const MapReader& map, json& volume, Problems& problems) {
  const Node* host = map.get("host_path");
  const Node* claim = map.get("claim");
  const Node* size = map.get("size");
  if (host != nullptr && !host->text.starts_with('/')) {
    problems.add(*host,
                 fmt::format("'host_path': '{}' is no absolute path", printable(host->text)));
  } else if (host != nullptr) {
    volume["host_path"] = host->text;
  }
  if (claim != nullptr && !is_label(claim->text)) {
    problems.add(*claim, fmt::format("'{}' is no name of a claim", printable(claim->text))).hint =
        std::string(kLabelRule);
  } else if (claim != nullptr) {
    volume["claim"] = claim->text;
  }
  if (size != nullptr) volume["bytes"] = parse_bytes(size->text).value();
  if ((host != nullptr) + (claim != nullptr) + (size != nullptr) > 1) {
    problems.add(map.node(), "a volume is only one of 'host_path', 'claim' and 'size'").hint =
        "make several of it";
  }
  const Node* read_only = map.get("read_only");
  if (read_only != nullptr && is_true(*read_only)) volume["read_only"] = true;
}

void check_fields(const Node& node, const Table& table, Problems& problems) {
  const MapReader map(node, table, problems);
  for (std::size_t i = 0; i + 1 < node.items.size() && table.others != nullptr; i += 2) {
    Field named = *table.others;
    named.name = node.items[i]->text;
    check_value(named, *node.items[i + 1], problems);
  }
  for (const Field& field : table.fields) {
    const Node* value = map.get(field.name);
    if (value == nullptr) continue;
    if (field.table != nullptr) check_fields(*value, field.table(), problems);
    if (field.each == nullptr || field.each->table == nullptr) continue;
    for (const Node* element : value->items) check_fields(*element, field.each->table(), problems);
  }
}

/// A field without a value is as one that is not there; merged over what a step's Pod has, it would take that away.
void drop_nulls(json& value) {
  if (!value.is_structured()) return;
  for (auto each = value.begin(); each != value.end();) {
    const bool empty = value.is_object() && each->is_null();
    if (!empty) drop_nulls(*each);
    each = empty ? value.erase(each) : std::next(each);
  }
}

void refuse_expressions(const Node& node, const char* field, Problems& problems) {
  std::vector<ExpressionSite> sites;
  find_expressions(node, ExpressionSite::Role::with, sites);
  for (const ExpressionSite& site : sites) {
    problems.add(*site.node, fmt::format("'{}' cannot hold an expression", field)).hint =
        "write the value";
  }
}

}  // namespace

void read_volumes(const Node& node, json& volumes, Problems& problems) {
  volumes = json::array();
  for (const Node* element : node.items) {
    const MapReader map(*element, volume_fields(), problems);
    json volume = json::object();
    if (const Node* path = map.get("path")) {
      volume["path"] = path->text;
      if (const std::string why = wrong_place(path->text); !why.empty())
        problems.add(*path, fmt::format("'path': '{}' {}", printable(path->text), why));
      for (const json& other : volumes) {
        if (other.value("path", "") == path->text)
          problems.add(*path, fmt::format("two volumes are mounted at '{}'", path->text));
      }
    }
    read_source(map, volume, problems);
    volumes.push_back(std::move(volume));
  }
}

void read_pod_template(const Node& node, json& pod, Problems& problems) {
  pod = to_json(node, problems);
  drop_nulls(pod);
  refuse_expressions(node, "pod_template", problems);
  Node rest = node;  // without what was said to be wrong already
  rest.items.clear();
  for (std::size_t i = 0; i + 1 < node.items.size(); i += 2) {
    const Node& key = *node.items[i];
    const std::string_view instead = instead_of_pod_field(key.text);
    if (instead.empty()) {
      rest.items.insert(rest.items.end(), {node.items[i], node.items[i + 1]});
    } else {
      problems.add(key, fmt::format("'pod_template.{}' is not for a step to set", key.text)).hint =
          instead;
    }
  }
  check_fields(rest, pod_template_fields(), problems);
}

void read_placement(const Node& node, json& pod, Problems& problems) {
  refuse_expressions(node, "placement", problems);
  check_fields(node, placement_fields(), problems);
  for (const auto& [name, spec_name] : placement_names()) {
    const Node* value = node.find(name);
    if (value == nullptr) continue;
    if (pod.contains(spec_name)) {
      problems.add(*value, fmt::format("'placement.{}' is 'pod_template.{}' too", name, spec_name))
          .hint = "say it once";
    } else {
      pod[std::string(spec_name)] = to_json(*value, problems);
    }
  }
}

}  // namespace scanflow::pipeline
