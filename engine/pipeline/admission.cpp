#include "engine/pipeline/admission.hpp"

#include <fmt/format.h>

#include "engine/pipeline/reader.hpp"

namespace scanflow::pipeline {
namespace {

bool is_step_named(const std::string& pattern, const json& step) {
  const std::string name = step.is_object() ? step.value("name", "") : "";
  if (!pattern.ends_with('*')) return name == pattern;
  return name.starts_with(pattern.substr(0, pattern.size() - 1));
}

/// Whose run it is stays as it was sent.
std::string identity_of(const json& document) {
  const json metadata = document.value("metadata", json::object());
  return json{document.value("apiVersion", json()), document.value("kind", json()),
              metadata.value("name", json()), metadata.value("namespace", json())}
      .dump();
}

}  // namespace

Result<json> admission_request(const std::string& file, const std::string& source,
                               const std::string& name_space, const json& params) {
  auto document = read_yaml_value(file, source);
  if (!document) return document;
  if (!document->is_object()) return fail(fmt::format("{}: is no document", file));
  const json metadata = document->value("metadata", json::object());
  return json{{"kind", document->value("kind", "")},
              {"namespace", metadata.value("namespace", name_space)},
              {"name", metadata.value("name", "")},
              {"labels", metadata.value("labels", json::object())},
              {"params", params},
              {"document", std::move(*document)}};
}

Result<std::string> admitted(const std::string& file, const std::string& source, const json& args) {
  auto document = read_yaml_value(file, source);
  if (!document) return tl::unexpected(document.error());
  const std::string before = identity_of(*document);
  if (args.contains("patch")) document->merge_patch(args.at("patch"));
  if (!document->is_object() || identity_of(*document) != before)
    return fail("the patch changes apiVersion, kind, name or namespace");
  for (const auto& [pattern, patch] : args.value("steps", json::object()).items()) {
    bool found = false;
    for (json& step : (*document)["steps"]) {
      if (!is_step_named(pattern, step)) continue;
      const json name = step.at("name");
      step.merge_patch(patch);
      step["name"] = name;
      found = true;
    }
    if (!found && !pattern.ends_with('*'))
      return fail(fmt::format("there is no step '{}' to patch", pattern));
  }
  return document->dump(1);
}

}  // namespace scanflow::pipeline
