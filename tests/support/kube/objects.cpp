#include "tests/support/kube/objects.hpp"

#include <algorithm>

#include "tests/support/kube/defaults.hpp"
#include "tests/support/kube/status.hpp"

namespace scanflow::test::kube {
namespace {

bool has_living_owner(Cluster& cluster, const json& object) {
  const json& metadata = object.at("metadata");
  for (const json& owner : metadata.value("ownerReferences", json::array())) {
    const Resource* resource =
        cluster.known.of_kind(owner.value("apiVersion", ""), owner.value("kind", ""));
    if (resource == nullptr) return true;  // of a kind that nobody knows nothing is known
    const Held held = cluster.store.find(
        *resource, key_of(*resource, metadata.value("namespace", ""), owner.value("name", "")));
    if (held && held->object().at("metadata").at("uid") == owner.value("uid", "")) return true;
  }
  return false;
}

void begin_namespace(Cluster& cluster, const std::string& name) {
  add_object(cluster, cluster.known.core("serviceaccounts"),
             {{"apiVersion", "v1"},
              {"kind", "ServiceAccount"},
              {"metadata", {{"name", "default"}, {"namespace", name}}}});
}

/// What belongs to the server in an object that is written.
void keep_stamps(const Resource& resource, const json& before, json& object) {
  const json& old = before.at("metadata");
  json& metadata = object["metadata"];
  for (const char* kept : {"uid", "creationTimestamp", "namespace", "generation",
                           "deletionTimestamp", "deletionGracePeriodSeconds", "generateName"}) {
    metadata.erase(kept);
    if (old.contains(kept)) metadata[kept] = old.at(kept);
  }
  if (!metadata.contains("managedFields") && old.contains("managedFields"))
    metadata["managedFields"] = old["managedFields"];
  object["kind"] = resource.kind;
  object["apiVersion"] = resource.api_version();
}

bool differs(const json& a, const json& b, const char* member) {
  const auto in_a = a.find(member), in_b = b.find(member);
  if (in_a == a.end() || in_b == b.end()) return (in_a == a.end()) != (in_b == b.end());
  return *in_a != *in_b;
}

}  // namespace

void stamp_new(Cluster& cluster, const Resource& resource, json& object) {
  json& metadata = object["metadata"];
  if (metadata.value("name", "").empty() && metadata.contains("generateName"))
    metadata["name"] = metadata["generateName"].get<std::string>() + cluster.new_suffix();
  metadata["uid"] = cluster.new_uid();
  metadata["creationTimestamp"] = cluster.now();
  for (const char* not_yet :
       {"resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"})
    metadata.erase(not_yet);
  if (!resource.namespaced) metadata.erase("namespace");
  if (resource.counts_generations) metadata["generation"] = 1;
  if (resource.has("status") && !resource.custom) object.erase("status");
  set_defaults(cluster, resource, object);
}

Held add_object(Cluster& cluster, const Resource& resource, json object) {
  stamp_new(cluster, resource, object);
  return store_new(cluster, resource, std::move(object));
}

Held store_new(Cluster& cluster, const Resource& resource, json object) {
  const Held held = cluster.store.put(resource, std::move(object));
  const json& metadata = held->object().at("metadata");
  if (resource.plural == "namespaces" && resource.group.empty())
    begin_namespace(cluster, metadata.at("name"));
  if (metadata.contains("ownerReferences") && !metadata["ownerReferences"].empty() &&
      !has_living_owner(cluster, held->object()))
    delete_object(cluster, resource, key_of(resource, held->object()), {});
  return held;
}

json replaced(const Resource& resource, const json& before, json object, Part part) {
  const bool has_status = resource.has("status");
  if (part == Part::status) {
    json with = before;
    with["status"] = object.value("status", json::object());
    if (object.at("metadata").contains("managedFields"))
      with["metadata"]["managedFields"] = object["metadata"]["managedFields"];
    return with;
  }
  keep_stamps(resource, before, object);
  if (part == Part::spec && has_status) {
    object.erase("status");
    if (before.contains("status")) object["status"] = before["status"];
  }
  bool new_generation = differs(before, object, "spec");
  if (resource.group == "admissionregistration.k8s.io")
    new_generation = new_generation || differs(before, object, "webhooks");
  if (resource.counts_generations && new_generation)
    object["metadata"]["generation"] = before["metadata"].value("generation", 1) + 1;
  return object;
}

Held replace_object(Cluster& cluster, const Resource& resource, const Held& before, json object,
                    Part part) {
  json next = replaced(resource, before->object(), std::move(object), part);
  const json& metadata = next["metadata"];
  const bool goes = metadata.contains("deletionTimestamp") &&
                    metadata.value("finalizers", json::array()).empty() &&
                    !before->object()["metadata"].value("finalizers", json::array()).empty() &&
                    metadata.value("deletionGracePeriodSeconds", 0) == 0;
  const Held held = cluster.store.put(resource, std::move(next));
  if (goes) finish(cluster, resource, key_of(resource, held->object()));
  return held;
}

}  // namespace scanflow::test::kube
