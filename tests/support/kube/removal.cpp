// The ends of objects: grace, finalizers, and what goes with an owner or a namespace.
#include <fmt/format.h>

#include <algorithm>

#include "tests/support/kube/objects.hpp"
#include "tests/support/kube/status.hpp"

namespace scanflow::test::kube {
namespace {

void check(const Resource& resource, const json& metadata, const Deletion& deletion) {
  const std::string name = metadata.at("name"), uid = metadata.at("uid"),
                    version = metadata.at("resourceVersion");
  if (!deletion.uid.empty() && deletion.uid != uid)
    throw conflict(
        resource, name,
        fmt::format("Precondition failed: UID in precondition: {}, UID in object meta: {}",
                    deletion.uid, uid));
  if (!deletion.version.empty() && deletion.version != version)
    throw conflict(resource, name,
                   fmt::format("Precondition failed: ResourceVersion in precondition: {}, "
                               "ResourceVersion in object meta: {}",
                               deletion.version, version));
}

/// How long a Pod has; nothing else waits.
std::int64_t grace_of(const Resource& resource, const json& object, const Deletion& deletion) {
  if (resource.plural != "pods" || !resource.group.empty()) return 0;
  const std::string phase = object.value("/status/phase"_json_pointer, "");
  if (object.value("/spec/nodeName"_json_pointer, "").empty() || phase == "Succeeded" ||
      phase == "Failed")
    return 0;
  const std::int64_t own = object["spec"].value("terminationGracePeriodSeconds", 30);
  return std::max<std::int64_t>(deletion.grace_s.value_or(own), 0);
}

/// False where it is ending already, and no sooner by this.
bool mark(Cluster& cluster, const Resource& resource, json& object, std::int64_t grace_s) {
  json& metadata = object["metadata"];
  const bool ending = metadata.contains("deletionTimestamp");
  if (ending && metadata.value("deletionGracePeriodSeconds", 0) <= grace_s) return false;
  metadata["deletionTimestamp"] = time_of(cluster.now_s() + grace_s);
  metadata["deletionGracePeriodSeconds"] = grace_s;
  if (resource.counts_generations && !ending)
    metadata["generation"] = metadata.value("generation", 1) + 1;
  if (resource.plural == "namespaces") object["status"]["phase"] = "Terminating";
  return true;
}

void without_owner(Cluster& cluster, const Resource& resource, const Held& held,
                   const std::string& uid) {
  json object = held->object();
  json& owners = object["metadata"]["ownerReferences"];
  owners.erase(std::remove_if(owners.begin(), owners.end(),
                              [&](const json& owner) { return owner.value("uid", "") == uid; }),
               owners.end());
  if (owners.empty()) object["metadata"].erase("ownerReferences");
  cluster.store.put(resource, std::move(object));
}

/// What depended on it alone ends; of other owners it stays.
void collect(Cluster& cluster, const std::string& uid, bool orphan) {
  for (const auto& [resource, key] : cluster.store.owned_by(uid)) {
    const Held held = cluster.store.find(*resource, key);
    if (!held) continue;
    if (orphan || held->object()["metadata"]["ownerReferences"].size() > 1) {
      without_owner(cluster, *resource, held, uid);
    } else {
      delete_object(cluster, *resource, key, {});
    }
  }
}

std::vector<std::pair<const Resource*, std::string>> contents_of(Cluster& cluster,
                                                                 const std::string& name_space) {
  std::vector<std::pair<const Resource*, std::string>> all;
  for (const Resource& resource : cluster.known.all()) {
    if (!resource.namespaced) continue;
    const Store::Objects& objects = cluster.store.objects(resource);
    for (auto at = objects.lower_bound(name_space + "/");
         at != objects.end() && at->first.starts_with(name_space + "/"); ++at)
      all.emplace_back(&resource, at->first);
  }
  return all;
}

/// Where the last of an ending namespace's has gone, it goes too.
void end_namespace(Cluster& cluster, const std::string& name) {
  const Resource& namespaces = cluster.known.core("namespaces");
  const Held held = cluster.store.find(namespaces, name);
  if (held && held->object()["metadata"].contains("deletionTimestamp") &&
      contents_of(cluster, name).empty())
    cluster.store.remove(namespaces, name);
}

void empty_namespace(Cluster& cluster, const std::string& name) {
  for (const auto& [resource, key] : contents_of(cluster, name)) {
    if (cluster.store.find(*resource, key)) delete_object(cluster, *resource, key, {});
  }
  end_namespace(cluster, name);
}

/// Its dependents' ends come first, or never.
void add_finalizer(json& object, const std::string& propagation) {
  if (propagation == "Background") return;
  json& finalizers = object["metadata"]["finalizers"];
  const std::string name = propagation == "Orphan" ? "orphan" : "foregroundDeletion";
  if (std::find(finalizers.begin(), finalizers.end(), name) == finalizers.end())
    finalizers.push_back(name);
}

/// The collector's own finalizers, once they have nothing to wait for.
void release(Cluster& cluster, const Resource& resource, const std::string& key) {
  const Held held = cluster.store.find(resource, key);
  if (!held || !held->object()["metadata"].contains("deletionTimestamp")) return;
  json object = held->object();
  json& finalizers = object["metadata"]["finalizers"];
  const std::string uid = object["metadata"]["uid"];
  const auto is_ours = [](const json& name) {
    return name == "orphan" || name == "foregroundDeletion";
  };
  if (std::none_of(finalizers.begin(), finalizers.end(), is_ours) ||
      !cluster.store.owned_by(uid).empty())
    return;
  finalizers.erase(std::remove_if(finalizers.begin(), finalizers.end(), is_ours), finalizers.end());
  if (finalizers.empty()) object["metadata"].erase("finalizers");
  replace_object(cluster, resource, held, std::move(object), Part::all);
}

}  // namespace

Held delete_object(Cluster& cluster, const Resource& resource, const std::string& key,
                   const Deletion& deletion) {
  const Held held = cluster.store.find(resource, key);
  if (!held) throw not_found(resource, key.substr(key.find('/') + 1));
  check(resource, held->object().at("metadata"), deletion);
  json object = held->object();
  const std::int64_t grace_s = grace_of(resource, object, deletion);
  const bool pod = resource.plural == "pods", space = resource.plural == "namespaces";
  add_finalizer(object, deletion.propagation);
  const std::string uid = object["metadata"]["uid"];
  const bool kept = !object["metadata"].value("finalizers", json::array()).empty();
  if (!pod && !space && !kept) {
    finish(cluster, resource, key);
    return held;
  }
  const bool marked = mark(cluster, resource, object, grace_s);
  const Held waits = marked ? cluster.store.put(resource, std::move(object)) : held;
  if (deletion.propagation != "Background") {
    collect(cluster, uid, deletion.propagation == "Orphan");
    release(cluster, resource, key);
  } else if (space) {
    empty_namespace(cluster, key);
  } else if (grace_s == 0 && !kept) {
    finish(cluster, resource, key);
  }
  return waits;
}

void finish(Cluster& cluster, const Resource& resource, const std::string& key) {
  const Held before = cluster.store.find(resource, key);
  if (!before) return;
  const json& metadata = before->object().at("metadata");
  if (resource.plural == "pods" && metadata.value("deletionGracePeriodSeconds", 0) > 0) {
    json last = before->object();
    last["metadata"]["deletionTimestamp"] = cluster.now();
    last["metadata"]["deletionGracePeriodSeconds"] = 0;
    cluster.store.put(resource, std::move(last));
    if (!metadata.value("finalizers", json::array()).empty()) return;
  }
  cluster.store.remove(resource, key);
  collect(cluster, metadata.at("uid"), false);
  for (const json& owner : metadata.value("ownerReferences", json::array())) {
    const Resource* kind = cluster.known.of_kind(owner.value("apiVersion", ""), owner["kind"]);
    if (kind != nullptr)
      release(cluster, *kind, key_of(*kind, metadata.value("namespace", ""), owner["name"]));
  }
  if (resource.namespaced) end_namespace(cluster, metadata.value("namespace", ""));
}

}  // namespace scanflow::test::kube
