#include "engine/pipeline/admission.hpp"

#include <fmt/format.h>

#include "engine/pipeline/reader.hpp"

namespace scanflow::pipeline {
namespace {

/// Nobody has checked the text yet: what is none is "".
std::string text_at(const json& object, const char* key) {
  if (!object.is_object()) return {};
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}
json object_at(const json& object, const char* key) {
  if (!object.is_object()) return json::object();
  const auto found = object.find(key);
  return found != object.end() && found->is_object() ? *found : json::object();
}

bool is_step_named(const std::string& pattern, const json& step) {
  const std::string name = text_at(step, "name");
  if (!pattern.ends_with('*')) return !name.empty() && name == pattern;
  return !name.empty() && name.starts_with(pattern.substr(0, pattern.size() - 1));
}

/// Whose run it is stays as it was sent.
std::string identity_of(const json& document) {
  const json metadata = object_at(document, "metadata");
  return json{text_at(document, "apiVersion"), text_at(document, "kind"), text_at(metadata, "name"),
              text_at(metadata, "namespace")}
      .dump();
}

}  // namespace

Result<json> admission_request(const std::string& file, const std::string& source,
                               const std::string& name_space, const json& params) {
  auto document = read_yaml_value(file, source);
  if (!document) return document;
  if (!document->is_object()) return fail(fmt::format("{}: is no document", file));
  const json metadata = object_at(*document, "metadata");
  const std::string own = text_at(metadata, "namespace");
  return json{{"kind", text_at(*document, "kind")},
              {"namespace", own.empty() ? name_space : own},
              {"name", text_at(metadata, "name")},
              {"labels", object_at(metadata, "labels")},
              {"params", params},
              {"document", std::move(*document)}};
}

Result<std::string> admitted(const std::string& file, const std::string& source, const json& args) {
  auto document = read_yaml_value(file, source);
  if (!document) return tl::unexpected(document.error());
  if (!document->is_object()) return fail(fmt::format("{}: is no document", file));
  const std::string before = identity_of(*document);
  if (args.contains("patch")) document->merge_patch(args.at("patch"));
  if (!document->is_object() || identity_of(*document) != before)
    return fail("the patch changes apiVersion, kind, name or namespace");
  const json steps = object_at(args, "steps");
  if (steps.empty()) return document->dump(1);
  json& there = (*document)["steps"];
  for (const auto& [pattern, patch] : steps.items()) {
    bool found = false;
    if (!there.is_array()) break;
    for (json& step : there) {
      if (!is_step_named(pattern, step)) continue;
      const json name = step.at("name");
      step.merge_patch(patch);
      if (!step.is_object()) return fail(fmt::format("the patch of '{}' is no map", pattern));
      step["name"] = name;
      found = true;
    }
    if (!found && !pattern.ends_with('*'))
      return fail(fmt::format("there is no step '{}' to patch", pattern));
  }
  return document->dump(1);
}

}  // namespace scanflow::pipeline
