#include "plugins/steps/resource/request.hpp"

#include <fmt/format.h>

#include <array>

#include "engine/kube/fields.hpp"

namespace scanflow::resource {

using nlohmann::json;

namespace {

constexpr std::array<std::pair<std::string_view, Action>, 4> kActions{{{"apply", Action::apply},
                                                                       {"create", Action::create},
                                                                       {"get", Action::get},
                                                                       {"delete", Action::remove}}};

Result<std::vector<Condition>> conditions_of(const std::vector<std::string>& texts,
                                             const char* field) {
  std::vector<Condition> conditions;
  for (const std::string& text : texts) {
    auto condition = Condition::parse(text);
    if (!condition) return fail(fmt::format("with.{}: {}", field, condition.error().message));
    conditions.push_back(std::move(*condition));
  }
  return conditions;
}

/// What is wrong with a manifest; "" where it can be asked for.
std::string wrong_manifest(const json& manifest, const Request& request) {
  if (!manifest.is_object())
    return "with.manifest: must be an object, as a manifest is in YAML: apiVersion, kind, "
           "metadata, ...";
  for (const char* field : {"apiVersion", "kind"}) {
    if (kube::text_of(manifest, field).empty())
      return fmt::format("with.manifest: '{}' is missing", field);
  }
  const bool generated =
      request.action == Action::create &&
      !kube::text_of(kube::part_of(manifest, "metadata"), "generateName").empty();
  if (request.name.empty() && !generated) {
    return fmt::format("with.manifest: metadata.name is missing{}",
                       request.action == Action::create ? " (or metadata.generateName)" : "");
  }
  if (kube::text_of(manifest, "kind").ends_with("List") && manifest.contains("items"))
    return "with.manifest: a list; make a step of each of its items";
  return "";
}

}  // namespace

Result<Request> request_of(const Wanted& wanted) {
  Request request;
  for (const auto& [name, action] : kActions) {
    if (wanted.action == name) request.action = action;
  }
  request.object = wanted.manifest;
  const json& metadata = kube::part_of(request.object, "metadata");
  request.name = kube::text_of(metadata, "name");
  request.name_space = kube::text_of(metadata, "namespace");
  if (const std::string why = wrong_manifest(wanted.manifest, request); !why.empty())
    return fail(why);
  if (!wanted.name_space.empty() && !request.name_space.empty() &&
      wanted.name_space != request.name_space) {
    return fail(fmt::format("with.namespace: '{}', and metadata.namespace is '{}': say it once",
                            wanted.name_space, request.name_space));
  }
  if (request.name_space.empty()) request.name_space = wanted.name_space;
  request.context = wanted.context;
  request.remove = wanted.remove;
  request.force = wanted.force;
  auto success = conditions_of(wanted.success, "success");
  if (!success) return tl::unexpected(success.error());
  auto failure = conditions_of(wanted.failure, "failure");
  if (!failure) return tl::unexpected(failure.error());
  request.success = std::move(*success);
  request.failure = std::move(*failure);
  if (request.action == Action::remove && (!request.success.empty() || !request.failure.empty()))
    return fail("with.action: 'delete' waits until the object is gone, and for nothing else");
  if (!wanted.outputs.is_object())
    return fail("with.outputs: must be a map: ADDRESS: \"{.status.podIP}\"");
  for (const auto& [name, value] : wanted.outputs.items()) {
    if (!value.is_string())
      return fail(
          fmt::format("with.outputs.{}: must be a path in braces: \"{{.status.podIP}}\"", name));
    auto path = kube::JsonPath::parse(value.get<std::string>());
    if (!path) return fail(fmt::format("with.outputs.{}: {}", name, path.error().message));
    request.outputs.emplace_back(name, std::move(*path));
  }
  return request;
}

Verdict judge(const Request& request, const json& object) {
  const json& status = kube::part_of(object, "status");
  if (status.contains("observedGeneration") &&
      kube::number_of(status, "observedGeneration") <
          kube::number_of(kube::part_of(object, "metadata"), "generation"))
    return {Verdict::State::waits, "its controller has not looked at the change yet"};
  for (const Condition& each : request.failure) {
    if (each.holds(object)) return {Verdict::State::failed, each.seen(object)};
  }
  std::string text;
  for (const Condition& each : request.success) {
    if (each.holds(object)) continue;
    text += (text.empty() ? "" : "; ") + each.seen(object);
  }
  return {text.empty() ? Verdict::State::holds : Verdict::State::waits, text};
}

}  // namespace scanflow::resource
