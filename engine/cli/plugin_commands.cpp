#include "engine/cli/plugin_commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "engine/cli/text.hpp"
#include "sdk/base/nearest.hpp"
#include "sdk/loader/child.hpp"
#include "sdk/loader/index.hpp"

namespace scanflow::cli {

using loader::Catalog;
using loader::json;
using loader::Kind;
using loader::LibraryInfo;
using loader::PluginInfo;

namespace {

constexpr int kBroken = 1;
constexpr int kUsage = 2;

json to_json(const PluginInfo& plugin) {
  return {{"kind", name(plugin.kind)},
          {"id", plugin.id},
          {"version", plugin.version},
          {"summary", plugin.summary},
          {"library", plugin.library.string()},
          {"library_sha256", plugin.library_sha256},
          {"config_schema", plugin.config_schema},
          {"input_schema", plugin.input_schema},
          {"output_schema", plugin.output_schema},
          {"primitives", plugin.primitives},
          {"commands", plugin.commands}};
}

std::string origin(const PluginInfo& plugin) {
  return plugin.library.empty() ? "built in" : plugin.library.string();
}

std::string plain(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

/// "integer", "list of text or null": for people.
std::string type_of(const json& schema) {
  const auto type = schema.find("type");
  if (type == schema.end()) return "any";
  if (type->is_array()) {
    std::string list;
    for (const auto& one : *type) list += (list.empty() ? "" : " or ") + plain(one);
    return list;
  }
  if (*type != "array" || !schema.contains("items")) return plain(*type);
  return "list of " + type_of(schema["items"]);
}

/// "1 to 100; one of a, b": what beside the type must hold.
std::string constraints(const json& schema) {
  std::vector<std::string> parts;
  const auto has = [&](const char* key) { return schema.contains(key); };
  if (has("minimum") && has("maximum")) {
    parts.push_back(fmt::format("{} to {}", plain(schema["minimum"]), plain(schema["maximum"])));
  } else if (has("minimum")) {
    parts.push_back("at least " + plain(schema["minimum"]));
  } else if (has("maximum")) {
    parts.push_back("at most " + plain(schema["maximum"]));
  }
  if (has("exclusiveMinimum")) parts.push_back("above " + plain(schema["exclusiveMinimum"]));
  if (has("enum")) {
    std::string list;
    for (const auto& one : schema["enum"]) list += (list.empty() ? "" : ", ") + plain(one);
    parts.push_back("one of " + list);
  }
  if (has("pattern")) parts.push_back("matches " + plain(schema["pattern"]));
  if (has("minLength") && schema["minLength"] == 1) parts.emplace_back("not empty");
  if (has("items")) {
    const auto of_items = constraints(schema["items"]);
    if (!of_items.empty()) parts.push_back("each " + of_items);
  }
  return fmt::format("{}", fmt::join(parts, "; "));
}

void add_fields(const json& schema, const std::string& prefix,
                std::vector<std::vector<std::string>>& rows) {
  if (!schema.contains("properties")) return;
  const auto required = schema.value("required", json::array());
  for (const auto& [key, field] : schema["properties"].items()) {
    const bool needed = std::find(required.begin(), required.end(), key) != required.end();
    const auto initial = field.contains("default") ? field["default"].dump() : "";
    rows.push_back({prefix + key, type_of(field), needed ? "(required)" : initial,
                    constraints(field), field.value("description", "")});
    add_fields(field, prefix + key + ".", rows);
  }
}

void print_section(const PluginOutput& output, const char* title,
                   const std::vector<std::string>& header,
                   const std::vector<std::vector<std::string>>& rows) {
  if (rows.empty()) return;
  output.out << '\n' << title << '\n' << table(header, rows, output.width);
}

void print_commands(const PluginOutput& output, const PluginInfo& plugin) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& command : plugin.commands) {
    rows.push_back({command["name"], "", "", "", command["summary"]});
    std::vector<std::vector<std::string>> arguments;
    add_fields(command["schema"], "  ", arguments);
    rows.insert(rows.end(), arguments.begin(), arguments.end());
  }
  print_section(output, "commands (while it runs)",
                {"command, arguments", "type", "default", "must be", ""}, rows);
}

void print_plugin(const PluginOutput& output, const PluginInfo& plugin) {
  output.out << fmt::format("{} {}  {}\n{}\n{}\n", name(plugin.kind), plugin.id, plugin.version,
                            plugin.summary, origin(plugin));
  std::vector<std::vector<std::string>> fields;
  add_fields(plugin.config_schema, "", fields);
  print_section(output, "with", {"field", "type", "default", "must be", ""}, fields);
  if (plugin.config_schema.value("additionalProperties", json(false)) == true) {
    output.out << (fields.empty() ? "\nwith\n" : "") << "and any other field\n";
  }
  std::vector<std::vector<std::string>> inputs;
  add_fields(plugin.input_schema, "", inputs);
  for (auto& row : inputs) row = {row[0], row[2].empty() ? "optional" : "required", row[4]};
  print_section(output, "inputs (artifacts, given in `with`)", {"name", "", ""}, inputs);
  std::vector<std::vector<std::string>> outputs;
  add_fields(plugin.output_schema, "", outputs);
  for (auto& row : outputs) row = {row[0], row[1], row[4]};
  print_section(output, "outputs", {"name", "type", ""}, outputs);
  std::vector<std::vector<std::string>> artifacts;
  const auto listed = plugin.output_schema.value("x-artifacts", json::object());
  for (const auto& [key, doc] : listed.items()) artifacts.push_back({key, plain(doc)});
  print_section(output, "artifacts", {"name", ""}, artifacts);
  print_commands(output, plugin);
  if (!plugin.primitives.empty()) {
    output.out << "\nmay ask for: ";
    for (const auto& one : plugin.primitives) output.out << plain(one) << ' ';
    output.out << '\n';
  }
}

int inspect_library(const loader::SearchPath& path, const std::filesystem::path& file,
                    const PluginOutput& output) {
  const auto library = std::filesystem::absolute(file);
  // Described anew, in a child process: what its index says may be what is in question.
  const auto info = loader::describe_in_child(path.worker, library, path.describe_deadline);
  if (!info) return refuse(output, kBroken, info.error().message);
  if (output.as_json) {
    output.out << loader::to_json(*info).dump(2) << '\n';
    return 0;
  }
  output.out << fmt::format("library {} {}\n{}\nABI {}.{}, {}\nsha256 {}\n", info->id,
                            info->version, library.string(), info->abi_major, info->abi_minor,
                            info->build, info->sha256);
  for (const auto& plugin : info->plugins) {
    output.out << '\n';
    print_plugin(output, plugin);
  }
  return 0;
}

std::string unknown_plugin(const Catalog& catalog, const std::string& id) {
  std::vector<std::string> ids;
  for (const auto* plugin : catalog.all()) ids.push_back(plugin->id);
  const auto near = nearest(id, ids);
  std::string searched;
  for (const auto& directory : catalog.searched()) {
    searched += (searched.empty() ? "" : ", ") + directory.string();
  }
  return fmt::format(
      "unknown plugin '{}'{}; looked in {} ({} plugins); 'scanflow plugin list' shows "
      "them",
      id, near.empty() ? "" : fmt::format("; did you mean '{}'?", near),
      searched.empty() ? "no directory" : searched, ids.size());
}

}  // namespace

int refuse(const PluginOutput& output, int status, const std::string& message) {
  output.err << "error: " << message << '\n';
  if (output.as_json) {
    output.out << json{{"error", message}, {"exit", status}}.dump(-1, ' ', false,
                                                                  json::error_handler_t::replace)
               << '\n';
  }
  return status;
}

int plugin_list(const loader::SearchPath& path, const PluginOutput& output) {
  const auto catalog = Catalog::discover(path);
  if (!catalog) return refuse(output, kBroken, catalog.error().message);
  if (output.as_json) {
    json plugins = json::array();
    for (const auto* plugin : catalog->all()) plugins.push_back(to_json(*plugin));
    json searched = json::array();
    for (const auto& directory : catalog->searched()) searched.push_back(directory.string());
    output.out << json{{"plugins", plugins},
                       {"problems", catalog->problems()},
                       {"searched", searched}}
                      .dump(2)
               << '\n';
  } else {
    std::vector<std::vector<std::string>> rows;
    for (const auto* plugin : catalog->all()) {
      rows.push_back({plugin->id, std::string(name(plugin->kind)), plugin->version,
                      plugin->library.empty() ? "built in" : plugin->library.filename().string(),
                      plugin->summary});
    }
    output.out << table({"plugin", "kind", "version", "library", ""}, rows, output.width);
  }
  for (const auto& problem : catalog->problems()) output.err << "error: " << problem << '\n';
  return catalog->problems().empty() ? 0 : kBroken;
}

int plugin_inspect(const loader::SearchPath& path, const std::string& what,
                   const PluginOutput& output) {
  if (what.find('/') != std::string::npos || what.ends_with(".so")) {
    return inspect_library(path, what, output);
  }
  const auto catalog = Catalog::discover(path);
  if (!catalog) return refuse(output, kBroken, catalog.error().message);
  const auto* plugin = catalog->find(what);
  if (plugin == nullptr) {
    for (const auto& problem : catalog->problems()) output.err << "error: " << problem << '\n';
    return refuse(output, kUsage, unknown_plugin(*catalog, what));
  }
  if (output.as_json) {
    output.out << to_json(*plugin).dump(2) << '\n';
  } else {
    print_plugin(output, *plugin);
  }
  return 0;
}

}  // namespace scanflow::cli
