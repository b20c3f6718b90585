#include "engine/pipeline/plugin_schema.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "engine/pipeline/fields.hpp"
#include "engine/pipeline/formats.hpp"
#include "sdk/loader/schema_types.hpp"

namespace scanflow::pipeline {
namespace {

using nlohmann::ordered_json;

ordered_json expression() {
  return {{"title", "an expression"}, {"type", "string"}, {"pattern", kHasExpression}};
}

std::string expected(const ordered_json& types) {
  std::string names;
  for (const ordered_json& type : types)
    names += loader::with_article(type.get<std::string>()) + " or ";
  return "must be " + names + "an expression (\"${{ ... }}\")";
}

ordered_json loosen(const ordered_json& schema);

/// What must be given: not what has a default.
ordered_json required_of(const ordered_json& schema) {
  const ordered_json properties = schema.value("properties", ordered_json::object());
  ordered_json names = ordered_json::array();
  for (const ordered_json& name : schema.value("required", ordered_json::array())) {
    const ordered_json property = properties.value(name.get<std::string>(), ordered_json::object());
    if (!property.contains("default")) names.push_back(name);
  }
  return names;
}

/// The schema of a plugin in JSON Schema's words: unknown names are refused where any are known.
ordered_json translate(const ordered_json& schema) {
  ordered_json out = ordered_json::object();
  for (const auto& [key, value] : schema.items()) {
    if (key == "items" || (key == "additionalProperties" && value.is_object())) {
      out[key] = loosen(value);
    } else if (key == "properties") {
      out[key] = ordered_json::object();
      for (const auto& [name, property] : value.items()) out[key][name] = loosen(property);
    } else if (key == "required") {
      if (ordered_json names = required_of(schema); !names.empty()) out[key] = std::move(names);
    } else if (!key.starts_with("x-")) {
      out[key] = value;
    }
  }
  if (out.contains("properties") && !out.contains("additionalProperties")) {
    out["additionalProperties"] = false;
  }
  return out;
}

bool limits_text(const ordered_json& schema) {
  return schema.contains("enum") || schema.contains("pattern") || schema.contains("maxLength") ||
         schema.value("minLength", 0U) > kHasExpression.size();
}

/// The schema of a value for which an expression may stand.
ordered_json loosen(const ordered_json& schema) {
  ordered_json out = translate(schema);
  ordered_json types = out.value("type", ordered_json::array());
  if (types.is_string()) types = ordered_json::array({types});
  const bool text = types.empty() || std::find(types.begin(), types.end(), "string") != types.end();
  if (!limits_text(out)) {
    if (text) return out;
    out["patternErrorMessage"] = expected(types);
    types.push_back("string");  // what is said about texts touches nothing else
    out["type"] = std::move(types);
    out["pattern"] = kHasExpression;
    return out;
  }
  ordered_json either = ordered_json::object();
  for (const char* key : {"title", "description", "default"}) {
    if (!out.contains(key)) continue;
    either[key] = out[key];
    out.erase(key);
  }
  either["anyOf"] = {std::move(out), expression()};
  return either;
}

/// An artifact of another step: an expression and nothing else.
ordered_json input(const ordered_json& schema) {
  ordered_json out = ordered_json::object();
  if (schema.contains("description")) out["description"] = schema["description"];
  out["type"] = "string";
  // An artifact, or a registered model.
  out["pattern"] = "(" + std::string(find_format("expression")->pattern) + ")|(^models:/.+$)";
  return out;
}

/// What a plugin must be given, inputs among it.
ordered_json required_with(const loader::PluginInfo& plugin) {
  ordered_json names = required_of(plugin.config_schema);
  for (const ordered_json& name : plugin.input_schema.value("required", ordered_json::array())) {
    names.push_back(name);
  }
  return names;
}

ordered_json constant(const char* field, const std::string& value) {
  return {{"properties", {{field, {{"const", value}}}}}, {"required", {field}}};
}

/// Of a step: does it use this plugin? A script is a command.
ordered_json uses(const std::string& plugin) {
  ordered_json direct = constant("uses", plugin);
  if (plugin != "command") return direct;
  return {{"anyOf", {std::move(direct), {{"required", {"run"}}}}}};
}

std::vector<const loader::PluginInfo*> steps_documents(const loader::Catalog& catalog) {
  std::vector<const loader::PluginInfo*> steps;
  for (const loader::PluginInfo* plugin : catalog.all()) {
    if (plugin->kind == loader::Kind::step) steps.push_back(plugin);
  }
  return steps;
}

void name_plugins(const loader::Catalog& catalog, ordered_json& field) {
  ordered_json ids = ordered_json::array();
  ordered_json summaries = ordered_json::array();
  for (const loader::PluginInfo* plugin : steps_documents(catalog)) {
    ids.push_back(plugin->id);
    summaries.push_back(plugin->summary);
  }
  ids.push_back(nullptr);
  field["enum"] = std::move(ids);
  field["enumDescriptions"] = std::move(summaries);  // not of the draft; editors show them
}

/// Where `defaults` has none of some fields: the definition that holds for each step then.
ordered_json without_defaults(const std::vector<std::string>& fields, const std::string& name) {
  ordered_json absent = ordered_json::object();
  for (const std::string& field : fields) absent[field] = {{"type", "null"}};
  ordered_json lists = ordered_json::object();
  for (const Field& field : pipeline_fields().fields) {
    if (field.each == nullptr || field.each->table != step_fields) continue;
    lists[std::string(field.name)] = {{"items", {{"$ref", "#/definitions/" + name}}},
                                      {"doNotSuggest", true}};  // to editors: a second time
  }
  return {{"if", {{"properties", {{"defaults", {{"properties", std::move(absent)}}}}}}},
          {"then", {{"properties", std::move(lists)}}}};
}

std::vector<std::string> work_of(const Table& table) {
  std::vector<std::string> work;
  for (const Field& field : table.fields)
    if (field.work) work.emplace_back(field.name);
  return work;
}

ordered_json one_of_them_given(const std::vector<std::string>& fields) {
  ordered_json any = ordered_json::array();
  for (const std::string& field : fields) {
    any.push_back(
        {{"required", {field}}, {"properties", {{field, {{"not", {{"type", "null"}}}}}}}});
  }
  return {{"anyOf", std::move(any)}};
}

/// A plugin's configuration and inputs. Not what must be there: the pipeline's defaults may have it.
ordered_json with_schema(const loader::PluginInfo& plugin) {
  ordered_json out = translate(plugin.config_schema);
  out.erase("required");
  out.erase("default");
  out["title"] = "with of " + plugin.id;
  out["type"] = {"object", "null"};
  if (plugin.id == "command" && out["properties"].contains("argv")) {
    out["properties"]["argv"]["items"]["type"] = {"string", "number", "boolean"};  // as written
  }
  const ordered_json inputs = plugin.input_schema.value("properties", ordered_json::object());
  for (const auto& [name, schema] : inputs.items()) out["properties"][name] = input(schema);
  return out;
}

/// More than that `with` is a map of anything.
bool says_more(const ordered_json& with) {
  return with.contains("properties") ||
         with.value("additionalProperties", ordered_json(true)) != true;
}

}  // namespace

void describe_plugins(const loader::Catalog& catalog, bool all, ordered_json& definitions) {
  ordered_json configured = ordered_json::array();
  ordered_json complete = ordered_json::array();
  for (const loader::PluginInfo* plugin : steps_documents(catalog)) {
    const std::string name = "with-" + plugin->id;
    if (ordered_json with = with_schema(*plugin); says_more(with)) {
      definitions[name] = std::move(with);
      configured.push_back(
          {{"if", uses(plugin->id)},
           {"then", {{"properties", {{"with", {{"$ref", "#/definitions/" + name}}}}}}}});
    }
    const ordered_json names = required_with(*plugin);
    if (names.empty()) continue;
    complete.push_back({{"if", uses(plugin->id)},
                        {"then",
                         {{"required", {"with"}},
                          {"properties", {{"with", {{"type", "object"}, {"required", names}}}}}}}});
  }
  definitions.at(std::string(step_fields().name))["allOf"] = std::move(configured);
  if (all) {
    for (const Table* table : {&step_fields(), &default_fields()}) {
      name_plugins(catalog, definitions.at(std::string(table->name))["properties"]["uses"]);
    }
  }
  definitions.at(std::string(service_node_fields().name))
      .update(one_of_them_given(work_of(service_node_fields())));
  const std::vector<std::string> work = work_of(step_fields());
  definitions["working-step"] = one_of_them_given(work);
  ordered_json rules = ordered_json::array({without_defaults(work, "working-step")});
  if (!complete.empty()) {
    definitions["configured-step"] = {{"allOf", std::move(complete)}};
    rules.push_back(without_defaults({"with"}, "configured-step"));
  }
  definitions.at(std::string(pipeline_fields().name))["allOf"] = std::move(rules);
}

}  // namespace scanflow::pipeline
