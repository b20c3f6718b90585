#include "tests/support/kube/defaults.hpp"

#include <algorithm>

#include "engine/http/base64.hpp"

namespace scanflow::test::kube {
namespace {

constexpr const char* kAccountMount = "/var/run/secrets/kubernetes.io/serviceaccount";

void set(json& object, const char* member, json value) {
  if (!object.contains(member) || object[member].is_null()) object[member] = std::move(value);
}

void set_probe_defaults(json& container) {
  for (const char* probe : {"livenessProbe", "readinessProbe", "startupProbe"}) {
    if (!container.contains(probe)) continue;
    json& one = container[probe];
    set(one, "timeoutSeconds", 1);
    set(one, "periodSeconds", 10);
    set(one, "successThreshold", 1);
    set(one, "failureThreshold", 3);
    if (one.contains("httpGet")) set(one["httpGet"], "scheme", "HTTP");
  }
}

void set_container_defaults(json& container) {
  const std::string image = container.value("image", "");
  const std::size_t colon = image.rfind(':');
  const bool latest = image.find('@') == std::string::npos &&
                      (colon == std::string::npos || image.find('/', colon) != std::string::npos ||
                       image.substr(colon) == ":latest");
  set(container, "resources", json::object());
  set(container, "terminationMessagePath", "/dev/termination-log");
  set(container, "terminationMessagePolicy", "File");
  set(container, "imagePullPolicy", latest ? "Always" : "IfNotPresent");
  json& resources = container["resources"];
  const json limits = resources.value("limits", json::object());
  for (const auto& [name, amount] : limits.items()) {
    if (!resources.value("requests", json::object()).contains(name))
      resources["requests"][name] = amount;
  }
  if (container.contains("ports")) {
    for (json& port : container["ports"]) set(port, "protocol", "TCP");
  }
  set_probe_defaults(container);
}

void mount_account(Cluster& cluster, json& spec) {
  const std::string name = "kube-api-access-" + cluster.new_suffix();
  json sources = json::array();
  sources.push_back({{"serviceAccountToken", {{"expirationSeconds", 3607}, {"path", "token"}}}});
  sources.push_back({{"configMap",
                      {{"name", "kube-root-ca.crt"},
                       {"items", json::array({{{"key", "ca.crt"}, {"path", "ca.crt"}}})}}}});
  sources.push_back(
      {{"downwardAPI",
        {{"items",
          json::array(
              {{{"path", "namespace"},
                {"fieldRef", {{"apiVersion", "v1"}, {"fieldPath", "metadata.namespace"}}}}})}}}});
  spec["volumes"].push_back(
      {{"name", name}, {"projected", {{"sources", std::move(sources)}, {"defaultMode", 420}}}});
  for (const char* list : {"initContainers", "containers"}) {
    if (!spec.contains(list)) continue;
    for (json& container : spec[list]) {
      const json mounts = container.value("volumeMounts", json::array());
      const bool own = std::any_of(mounts.begin(), mounts.end(), [](const json& mount) {
        return mount.value("mountPath", "") == kAccountMount;
      });
      if (!own)
        container["volumeMounts"].push_back(
            {{"name", name}, {"readOnly", true}, {"mountPath", kAccountMount}});
    }
  }
}

void add_tolerations(json& spec) {
  for (const char* key : {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}) {
    const json known = spec.value("tolerations", json::array());
    if (std::none_of(known.begin(), known.end(),
                     [&](const json& one) { return one.value("key", "") == key; }))
      spec["tolerations"].push_back({{"key", key},
                                     {"operator", "Exists"},
                                     {"effect", "NoExecute"},
                                     {"tolerationSeconds", 300}});
  }
}

void set_pod_defaults(Cluster& cluster, json& pod) {
  json& spec = pod["spec"];
  set_pod_spec_defaults(spec);
  set(spec, "serviceAccountName", "default");
  spec["serviceAccount"] = spec["serviceAccountName"];
  set(spec, "priority", 0);
  set(spec, "enableServiceLinks", true);
  set(spec, "preemptionPolicy", "PreemptLowerPriority");
  add_tolerations(spec);
  const Resource& accounts = cluster.known.core("serviceaccounts");
  const Held account = cluster.store.find(
      accounts,
      key_of(accounts, pod["metadata"].value("namespace", ""), spec["serviceAccountName"]));
  const bool wanted = !account || account->object().value("automountServiceAccountToken", true);
  if (spec.value("automountServiceAccountToken", wanted)) mount_account(cluster, spec);
  pod["status"] = {{"phase", "Pending"}, {"qosClass", qos_of(spec)}};
}

/// The API server chooses a Job's selector.
void set_job_defaults(json& job) {
  json& spec = job["spec"];
  set(spec, "parallelism", 1);
  set(spec, "completions", 1);
  set(spec, "backoffLimit", 6);
  set(spec, "completionMode", "NonIndexed");
  set(spec, "suspend", false);
  set(spec, "podReplacementPolicy", "TerminatingOrFailed");
  if (!spec.value("manualSelector", false)) {
    spec["manualSelector"] = false;
    const std::string uid = job["metadata"]["uid"], name = job["metadata"]["name"];
    const json labels = {{"batch.kubernetes.io/controller-uid", uid},
                         {"batch.kubernetes.io/job-name", name},
                         {"controller-uid", uid},
                         {"job-name", name}};
    for (json* metadata : {&job["metadata"], &spec["template"]["metadata"]})
      (*metadata)["labels"].update(labels);
    spec["selector"] = {{"matchLabels", {{"batch.kubernetes.io/controller-uid", uid}}}};
  }
  set_pod_spec_defaults(spec["template"]["spec"]);
  job["status"] = json::object();
}

void set_secret_defaults(json& secret) {
  set(secret, "type", "Opaque");
  const json plain = secret.value("stringData", json::object());
  for (const auto& [key, text] : plain.items())
    secret["data"][key] = http::base64(text.get_ref<const std::string&>());
  secret.erase("stringData");
}

void set_workload_defaults(const Resource& resource, json& object) {
  json& spec = object["spec"];
  if (resource.plural != "daemonsets") set(spec, "replicas", 1);
  if (resource.plural == "deployments") {
    set(spec, "strategy",
        {{"type", "RollingUpdate"},
         {"rollingUpdate", {{"maxUnavailable", "25%"}, {"maxSurge", "25%"}}}});
    set(spec, "revisionHistoryLimit", 10);
    set(spec, "progressDeadlineSeconds", 600);
  }
  set_pod_spec_defaults(spec["template"]["spec"]);
  object["status"] = resource.plural == "deployments" ? json::object() : json{{"replicas", 0}};
}

}  // namespace

void set_pod_spec_defaults(json& spec) {
  set(spec, "restartPolicy", "Always");
  set(spec, "terminationGracePeriodSeconds", 30);
  set(spec, "dnsPolicy", "ClusterFirst");
  set(spec, "securityContext", json::object());
  set(spec, "schedulerName", "default-scheduler");
  for (const char* list : {"initContainers", "containers"}) {
    if (!spec.contains(list)) continue;
    for (json& container : spec[list]) set_container_defaults(container);
  }
}

std::string qos_of(const json& spec) {
  bool any = false, all = true;
  for (const char* list : {"initContainers", "containers"}) {
    for (const json& container : spec.value(list, json::array())) {
      const json resources = container.value("resources", json::object());
      const json limits = resources.value("limits", json::object());
      const json requests = resources.value("requests", json::object());
      for (const char* what : {"cpu", "memory"}) {
        any = any || limits.contains(what) || requests.contains(what);
        all = all && limits.contains(what) &&
              requests.value(what, limits.value(what, json())) == limits.value(what, json());
      }
    }
  }
  return !any ? "BestEffort" : all ? "Guaranteed" : "Burstable";
}

void set_defaults(Cluster& cluster, const Resource& resource, json& object) {
  if (resource.kind == "Pod") set_pod_defaults(cluster, object);
  if (resource.kind == "Job") set_job_defaults(object);
  if (resource.group == "apps") set_workload_defaults(resource, object);
  if (resource.kind == "Namespace") {
    object["metadata"]["labels"]["kubernetes.io/metadata.name"] = object["metadata"]["name"];
    object["spec"] = {{"finalizers", {"kubernetes"}}};
    object["status"] = {{"phase", "Active"}};
  }
  if (resource.kind == "Secret") set_secret_defaults(object);
  if (resource.kind == "Node") set(object, "spec", json::object());
}

}  // namespace scanflow::test::kube
