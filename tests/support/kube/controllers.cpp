#include "tests/support/kube/controllers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "tests/support/kube/objects.hpp"
#include "tests/support/kube/workloads.hpp"

namespace scanflow::test::kube {
namespace {

constexpr const char* kHash = "pod-template-hash";

json reference_to(const json& owner) {
  return {{"apiVersion", owner["apiVersion"]},
          {"kind", owner["kind"]},
          {"name", owner["metadata"]["name"]},
          {"uid", owner["metadata"]["uid"]},
          {"controller", true},
          {"blockOwnerDeletion", true}};
}

/// Ten letters that change with the template.
std::string hash_of(const json& pod_template) {
  return fmt::format("{:010x}", std::hash<std::string>()(pod_template.dump()) & 0xffffffffff);
}

json with_label(json pod_template, const std::string& hash) {
  pod_template["metadata"]["labels"][kHash] = hash;
  return pod_template;
}

}  // namespace

Controllers::Controllers(KubeServer& server)
    : server_(server),
      cluster_(server.with(
          [](Cluster& cluster) -> std::reference_wrapper<Cluster> { return cluster; })) {
  server_.with([&](Cluster& /*ours*/) {
    for (const auto& [group, plural] : kControlled)
      cluster_.store.add_listener(of(group, plural), this);
    for (const auto& [group, plural] : kControlled) {
      const Store::Objects all = cluster_.store.objects(of(group, plural));
      for (const auto& [key, held] : all) reconcile(held->object());
    }
  });
}

Controllers::~Controllers() {
  server_.with([&](Cluster& /*ours*/) {
    for (const auto& [group, plural] : kControlled)
      cluster_.store.remove_listener(of(group, plural), this);
  });
}

void Controllers::on_event(const Told& event) {
  const json& object = (event->now ? event->now : event->before)->object();
  for (const json& owner : object["metadata"].value("ownerReferences", json::array())) {
    const Resource* resource = cluster_.known.of_kind(owner["apiVersion"], owner["kind"]);
    if (resource == nullptr || !owner.value("controller", false)) continue;
    const Held held = cluster_.store.find(
        *resource, key_of(*resource, object["metadata"].value("namespace", ""), owner["name"]));
    if (held) reconcile(held->object());
  }
  if (event->now) reconcile(object);
}

void Controllers::reconcile(const json& object) {
  const std::string kind = object["kind"];
  const Resource* resource = cluster_.known.of_kind(object["apiVersion"], kind);
  const Held now = cluster_.store.find(*resource, key_of(*resource, object));
  if (!now || now->object()["metadata"].contains("deletionTimestamp")) return;
  if (kind == "Deployment") reconcile_deployment(now);
  if (kind == "ReplicaSet" || kind == "StatefulSet") reconcile_set(*resource, now);
  if (kind == "Job") reconcile_job(now);
}

void Controllers::reconcile_deployment(const Held& deployment) {
  const json& object = deployment->object();
  const json &spec = object["spec"], &metadata = object["metadata"];
  const Resource& sets = of("apps", "replicasets");
  const std::string hash = hash_of(spec["template"]);
  const std::string name = metadata["name"].get<std::string>() + "-" + hash;
  const std::string name_space = metadata["namespace"];
  const int wanted = spec.value("replicas", 1);
  Held current = cluster_.store.find(sets, key_of(sets, name_space, name));
  if (!current) {
    json set = {{"apiVersion", "apps/v1"}, {"kind", "ReplicaSet"}};
    set["metadata"] = {{"name", name},
                       {"namespace", name_space},
                       {"labels", with_label(spec["template"], hash)["metadata"]["labels"]},
                       {"ownerReferences", json::array({reference_to(object)})}};
    set["spec"] = {{"replicas", wanted},
                   {"selector", spec["selector"]},
                   {"template", with_label(spec["template"], hash)}};
    set["spec"]["selector"]["matchLabels"][kHash] = hash;
    add_object(cluster_, sets, std::move(set));
    return;  // its events lead here again
  }
  const bool is_ready = current->object().value("/status/readyReplicas"_json_pointer, 0) >= wanted;
  json total = {{"replicas", 0}, {"readyReplicas", 0}};
  for (const Held& set : controlled(object, sets)) {
    const bool is_current = set == current;
    for (const char* count : {"replicas", "readyReplicas"})
      total[count] =
          total[count].get<int>() + set->object().value("status", json::object()).value(count, 0);
    if (!is_current && !is_ready) continue;  // old ones stay until the new one is there
    json next = set->object();
    next["spec"]["replicas"] = is_current ? wanted : 0;
    replace_object(cluster_, sets, set, std::move(next), Part::spec);
  }
  set_status(of("apps", "deployments"), object,
             deployment_status(object, current->object(), total, cluster_.now()));
}

void Controllers::reconcile_set(const Resource& resource, const Held& set) {
  const json& object = set->object();
  const int wanted = object["spec"].value("replicas", 1);
  std::vector<Held> pods;
  for (const Held& pod : controlled(object, cluster_.known.core("pods"))) {
    if (is_active(pod->object())) pods.push_back(pod);
  }
  const bool ordered = object["kind"] == "StatefulSet";
  bool refused = false;
  for (int at = 0; ordered && at < wanted; ++at) {
    const std::string name =
        fmt::format("{}-{}", object["metadata"]["name"].get<std::string>(), at);
    const Resource& all = cluster_.known.core("pods");
    if (!cluster_.store.find(all, key_of(all, object["metadata"]["namespace"], name)))
      refused = !make_pod(object, resource, {{"name", name}}) || refused;
  }
  for (int missing = static_cast<int>(pods.size()); !ordered && missing < wanted; ++missing)
    refused = !make_pod(object, resource,
                        {{"generateName", object["metadata"]["name"].get<std::string>() + "-"}}) ||
              refused;
  for (int extra = static_cast<int>(pods.size()); extra > wanted; --extra) {
    const Resource& all = cluster_.known.core("pods");
    const std::string key = key_of(all, pods[static_cast<std::size_t>(extra - 1)]->object());
    if (cluster_.store.find(all, key)) delete_object(cluster_, all, key, {});
  }
  pods = controlled(object, cluster_.known.core("pods"));
  set_status(resource, object, set_status_of(object, pods, refused));
}

void Controllers::reconcile_job(const Held& job) {
  const json& object = job->object();
  const Resource& pods = cluster_.known.core("pods");
  const json before = object.value("status", json::object());
  if (before.contains("completionTime") || has_condition(before, "Failed")) return;
  const JobCount count = count_of(object, controlled(object, pods));
  if (before.empty() || count.wants_more)
    make_pod(object, of("batch", "jobs"),
             {{"generateName", object["metadata"]["name"].get<std::string>() + "-"},
              {"finalizers", {"batch.kubernetes.io/job-tracking"}}});
  for (const json& status :
       job_statuses(object, count_of(object, controlled(object, pods)), cluster_.now())) {
    const Held now = cluster_.store.find(of("batch", "jobs"), key_of(of("batch", "jobs"), object));
    if (now) set_status(of("batch", "jobs"), now->object(), status);
  }
  for (const Held& pod : controlled(object, pods)) {  // counted: the tracking is over
    if (is_active(pod->object()) || !pod->object()["metadata"].contains("finalizers")) continue;
    json next = pod->object();
    next["metadata"].erase("finalizers");
    replace_object(cluster_, pods, pod, std::move(next), Part::all);
  }
}

std::vector<Held> Controllers::controlled(const json& owner, const Resource& resource) const {
  std::vector<Held> all;
  for (const auto& [of_kind, key] : cluster_.store.owned_by(owner["metadata"]["uid"])) {
    if (of_kind->plural != resource.plural || of_kind->group != resource.group) continue;
    if (Held held = cluster_.store.find(*of_kind, key)) all.push_back(std::move(held));
  }
  return all;
}

bool Controllers::make_pod(const json& owner, const Resource& resource, const json& metadata) {
  json pod = owner["spec"]["template"];
  pod["apiVersion"] = "v1";
  pod["kind"] = "Pod";
  pod["metadata"].update(metadata);
  pod["metadata"]["ownerReferences"] = json::array({reference_to(owner)});
  const std::string name_space = owner["metadata"]["namespace"];
  const std::string manager = "?fieldManager=" + resource.plural + "-controller";
  return server_.ask("POST", "/api/v1/namespaces/" + name_space + "/pods" + manager, pod).status ==
         201;
}

void Controllers::set_status(const Resource& resource, const json& object, json status) {
  const Held now = cluster_.store.find(resource, key_of(resource, object));
  if (!now) return;
  json next = now->object();
  next["status"] = std::move(status);
  cluster_.store.put(resource, std::move(next));
}

const Resource& Controllers::of(const char* group, const char* plural) const {
  return *cluster_.known.find(group, "v1", plural);
}

}  // namespace scanflow::test::kube
