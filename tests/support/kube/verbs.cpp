// create, get, update, patch.
#include <fmt/format.h>

#include <algorithm>

#include "tests/support/kube/admission.hpp"
#include "tests/support/kube/api.hpp"
#include "tests/support/kube/defaults.hpp"
#include "tests/support/kube/fields.hpp"
#include "tests/support/kube/objects.hpp"
#include "tests/support/kube/patch.hpp"
#include "tests/support/kube/validate.hpp"

namespace scanflow::test::kube {
namespace {

Writer writer_of(const Cluster& cluster, const Call& call) {
  return {call.manager(), cluster.now(), call.route.subresource};
}

Part part_of(const Call& call) {
  if (call.route.subresource == "status") return Part::status;
  return call.resource().has("status") ? Part::spec : Part::all;
}

/// Is it an object of the kind that the path is for?
void check_kind(const Call& call, const json& object) {
  const Resource& resource = call.resource();
  if (!object.is_object() || object.value("kind", "").empty())
    throw bad_request(fmt::format("Object 'Kind' is missing in '{}'", call.request.body));
  const std::string kind = object["kind"], version = object.value("apiVersion", "");
  if (version != resource.api_version())
    throw bad_request(
        fmt::format("the API version in the data ({}) does not match the expected API version ({})",
                    version, resource.api_version()));
  if (kind != resource.kind)
    throw bad_request(fmt::format("{} in version \"{}\" cannot be handled as a {}", kind,
                                  resource.version, resource.kind));
}

void check_place(const Call& call, json& object) {
  json& metadata = object["metadata"];
  if (!metadata.is_object()) metadata = json::object();
  if (!call.resource().namespaced) return;
  if (metadata.value("namespace", call.route.name_space) != call.route.name_space)
    throw bad_request(
        "the namespace of the provided object does not match the namespace sent on the request");
  metadata["namespace"] = call.route.name_space;
}

void check_name_of(const Call& call, const json& object) {
  const std::string name = object.at("metadata").value("name", "");
  if (name != call.route.name)
    throw bad_request(
        fmt::format("the name of the object ({}) does not match the name on the URL "
                    "({})",
                    name, call.route.name));
}

std::string version_in(const json& object) {
  return object.at("metadata").value("resourceVersion", "");
}

/// Resources of containers alone, by pods/resize.
json resized(const Call& call, const json& before, const json& next) {
  json result = before;
  for (const char* list : {"containers", "initContainers"}) {
    const json containers = next.at("spec").value(list, json::array());
    for (std::size_t i = 0; i < containers.size() && i < before["spec"][list].size(); ++i)
      result["spec"][list][i]["resources"] = containers[i].value("resources", json::object());
  }
  result["metadata"]["managedFields"] = next["metadata"].value("managedFields", json::array());
  const auto class_of = [](const json& pod) { return pod.at("/status/qosClass"_json_pointer); };
  json like = result;
  like["status"]["qosClass"] = class_of(before);
  const Resource& resource = call.resource();
  if (qos_of(result["spec"]) != class_of(before))
    throw invalid(resource, call.route.name,
                  {{"FieldValueInvalid",
                    fmt::format("Invalid value: \"{}\": Pod QOS Class may not change as a result "
                                "of resizing",
                                qos_of(result["spec"])),
                    "spec"}});
  return like;
}

Answer apply(Cluster& cluster, const Call& call) {
  json configuration = call.body();
  check_kind(call, configuration);
  check_place(call, configuration);
  if (configuration["metadata"].value("name", call.route.name) != call.route.name)
    check_name_of(call, configuration);
  configuration["metadata"]["name"] = call.route.name;
  if (call.parameter("fieldManager").empty())
    throw invalid(
        {.version = "meta.k8s.io/v1", .kind = "PatchOptions"}, "",
        {{"FieldValueRequired", "Required value: is required for apply patch", "fieldManager"}});
  const bool force = call.parameter("force") == "true" || call.parameter("force") == "1";
  const Held before = cluster.store.find(call.resource(), call.key());
  const Writer writer = writer_of(cluster, call);
  const json old = before ? before->object() : json();
  json next = applied(call.resource(), old, configuration, writer, force);
  if (before) return replace(cluster, call, before, std::move(next));
  return make(cluster, call, std::move(next));
}

}  // namespace

Answer read(Cluster& cluster, const Call& call) {
  if (call.versions_ago == 0) return answer_of(existing(cluster, call));
  const std::uint64_t then =
      cluster.store.version() - std::min(call.versions_ago, cluster.store.version());
  const Store::Objects objects = cluster.store.at(call.resource(), then);
  const auto found = objects.find(call.key());
  if (found == objects.end()) throw not_found(call.resource(), call.route.name);
  return answer_of(found->second);
}

Answer create(Cluster& cluster, const Call& call) {
  if (call.content_type() != "application/json" && !call.content_type().empty())
    throw unsupported_media_type();
  json object = call.body();
  check_kind(call, object);
  check_place(call, object);
  return make(cluster, call, std::move(object));
}

Answer make(Cluster& cluster, const Call& call, json object) {
  const Resource& resource = call.resource();
  if (resource.namespaced)
    admit_namespace(cluster, resource, call.route.name_space, object["metadata"].value("name", ""));
  if (!version_in(object).empty())
    throw bad_request("resourceVersion should not be set on objects to be created");
  json managed = object["metadata"].value("managedFields", json());
  object["metadata"].erase("managedFields");
  const json given = object;
  stamp_new(cluster, resource, object);
  validate_new(resource, object);
  admit(cluster, resource, "create", object);
  if (cluster.store.find(resource, key_of(resource, object)))
    throw already_exists(resource, object["metadata"]["name"]);
  if (managed.is_array()) {
    object["metadata"]["managedFields"] = std::move(managed);
  } else {
    json marked = given;
    record_update(resource, nullptr, marked, writer_of(cluster, call));
    if (marked["metadata"].contains("managedFields"))
      object["metadata"]["managedFields"] = marked["metadata"]["managedFields"];
  }
  Answer answer;
  answer.status = 201;
  answer.body = object;
  if (call.is_dry_run()) return answer;
  return answer_of(store_new(cluster, resource, std::move(object)), 201);
}

Answer update(Cluster& cluster, const Call& call) {
  json next = call.body();
  check_kind(call, next);
  check_place(call, next);
  check_name_of(call, next);
  const Held before = existing(cluster, call);
  next["metadata"].erase("managedFields");
  if (before->object()["metadata"].contains("managedFields"))
    next["metadata"]["managedFields"] = before->object()["metadata"]["managedFields"];
  return replace(cluster, call, before, std::move(next));
}

Answer replace(Cluster& cluster, const Call& call, const Held& before, json next) {
  const Resource& resource = call.resource();
  const std::string version = version_in(next);
  if (!version.empty() && version != std::to_string(before->version()))
    throw modified(resource, call.route.name);
  next["metadata"]["name"] = call.route.name;
  Part part = part_of(call);
  if (call.route.subresource == "resize") {
    next = resized(call, before->object(), next);
  } else {
    json stored = replaced(resource, before->object(), next, part);
    if (part != Part::status) validate_change(resource, before->object(), stored);
    next = std::move(stored);
  }
  admit_by_webhooks(cluster, "update", next);
  const bool applies = call.content_type() == "application/apply-patch+yaml";
  if (!applies) record_update(resource, before->object(), next, writer_of(cluster, call));
  if (call.is_dry_run()) {
    Answer answer;
    answer.body = std::move(next);
    return answer;
  }
  return answer_of(replace_object(cluster, resource, before, std::move(next), part));
}

Answer patch(Cluster& cluster, const Call& call) {
  const std::string type = call.content_type();
  if (type == "application/apply-patch+yaml" || type == "application/apply-patch+json")
    return apply(cluster, call);
  const bool known = type == "application/merge-patch+json" ||
                     type == "application/json-patch+json" ||
                     (type == "application/strategic-merge-patch+json" && !call.resource().custom);
  if (!known) throw unsupported_media_type();
  const json change = call.body();
  const Held before = existing(cluster, call);
  json next = patched(call.resource(), before->object(), type, change);
  return replace(cluster, call, before, std::move(next));
}

}  // namespace scanflow::test::kube
