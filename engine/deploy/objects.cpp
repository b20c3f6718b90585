#include "engine/deploy/objects.hpp"

#include <fmt/format.h>

#include <map>
#include <vector>

#include "engine/deploy/rights.hpp"

namespace scanflow::deploy {
namespace {

using nlohmann::json;

constexpr const char* kName = "scanflow";
constexpr const char* kHub = "scanflow-hub";
constexpr const char* kState = "/var/lib/scanflow";
constexpr int kUser = 65532;

json labels() {
  return {{"app.kubernetes.io/name", kName}, {"app.kubernetes.io/part-of", "scanflow"}};
}
/// Of the Pods that an engine makes.
json labels_of_steps() { return {{"app.kubernetes.io/managed-by", "scanflow"}}; }

json object(const char* version, const char* kind, const std::string& name,
            const Installation& to) {
  return {{"apiVersion", version},
          {"kind", kind},
          {"metadata", {{"name", name}, {"namespace", to.name_space}, {"labels", labels()}}}};
}

json name_space_of(const Installation& to) {
  const json marks = {{"app.kubernetes.io/part-of", "scanflow"},
                      {"pod-security.kubernetes.io/enforce", "restricted"}};
  return {{"apiVersion", "v1"},
          {"kind", "Namespace"},
          {"metadata", {{"name", to.name_space}, {"labels", marks}}}};
}

json account(const Installation& to) {
  json made = object("v1", "ServiceAccount", kName, to);
  made["automountServiceAccountToken"] = false;  // the engine's Pod asks for it
  return made;
}

json claim(const Installation& to) {
  json made = object("v1", "PersistentVolumeClaim", "scanflow-state", to);
  made["spec"] = {{"accessModes", {"ReadWriteOnce"}},
                  {"resources", {{"requests", {{"storage", to.storage}}}}}};
  if (!to.storage_class.empty()) made["spec"]["storageClassName"] = to.storage_class;
  return made;
}

/// A name for each Pod of the StatefulSet, that stays when its address changes.
json hub(const Installation& to) {
  json made = object("v1", "Service", kHub, to);
  made["spec"] = {
      {"clusterIP", "None"},
      {"publishNotReadyAddresses", true},
      {"selector", labels()},
      {"ports",
       {{{"name", "hub"}, {"port", to.hub_port}}, {{"name", "files"}, {"port", to.hub_port + 1}}}}};
  return made;
}

json variable(const char* name, const std::string& value) {
  return {{"name", name}, {"value", value}};
}

json environment(const Installation& to) {
  return {
      {{"name", "POD_NAME"}, {"valueFrom", {{"fieldRef", {{"fieldPath", "metadata.name"}}}}}},
      variable("SCANFLOW_HUB_ADVERTISE", fmt::format("$(POD_NAME).{}.{}.svc", kHub, to.name_space)),
      variable("SCANFLOW_HUB_PORT", std::to_string(to.hub_port)),
      variable("SCANFLOW_KUBE_NAMESPACE", to.name_space),
      variable("SCANFLOW_SIDECAR_IMAGE", to.sidecar_image),
      variable("SCANFLOW_WORKER_IMAGE", to.worker_image),
      variable("SCANFLOW_COMMAND_IMAGE", to.command_image),
      variable("SCANFLOW_STATE", kState)};
}

/// It listens on localhost alone: only a process of its Pod can ask it.
json probe() {
  return {{"exec", {{"command", {"scanflow", "server", "--ready"}}}},
          {"periodSeconds", 10},
          {"timeoutSeconds", 5}};
}

json container(const Installation& to) {
  json made = {
      {"name", "engine"},
      {"image", to.engine_image},
      {"args",
       {"server", "--durable=power", "--services-on=kubernetes",
        fmt::format("--lease={}/{}", to.name_space, kName)}},
      {"env", environment(to)},
      {"ports",
       {{{"name", "hub"}, {"containerPort", to.hub_port}},
        {{"name", "files"}, {"containerPort", to.hub_port + 1}}}},
      {"resources",
       {{"requests", {{"cpu", "100m"}, {"memory", "128Mi"}}}, {"limits", {{"memory", "1Gi"}}}}},
      {"securityContext",
       {{"allowPrivilegeEscalation", false},
        {"capabilities", {{"drop", {"ALL"}}}},
        {"readOnlyRootFilesystem", true}}},
      {"volumeMounts",
       {{{"name", "state"}, {"mountPath", kState}}, {{"name", "tmp"}, {"mountPath", "/tmp"}}}}};
  made["readinessProbe"] = probe();  // and no other: one that waits for the lease is well
  return made;
}

json stateful_set(const Installation& to) {
  json made = object("apps/v1", "StatefulSet", kName, to);
  json pod = {{"serviceAccountName", kName},
              {"automountServiceAccountToken", true},
              {"terminationGracePeriodSeconds", 60},
              {"containers", json::array({container(to)})},
              {"securityContext",
               {{"runAsNonRoot", true},
                {"runAsUser", kUser},
                {"runAsGroup", kUser},
                {"fsGroup", kUser},
                {"fsGroupChangePolicy", "OnRootMismatch"},
                {"seccompProfile", {{"type", "RuntimeDefault"}}}}},
              {"volumes",
               {{{"name", "state"}, {"persistentVolumeClaim", {{"claimName", "scanflow-state"}}}},
                {{"name", "tmp"}, {"emptyDir", json::object()}}}}};
  if (!to.pull_secret.empty()) pod["imagePullSecrets"] = {{{"name", to.pull_secret}}};
  made["spec"] = {{"replicas", to.replicas},
                  {"serviceName", kHub},
                  {"podManagementPolicy", "Parallel"},
                  {"selector", {{"matchLabels", labels()}}},
                  {"template", {{"metadata", {{"labels", labels()}}}, {"spec", std::move(pod)}}}};
  return made;
}

/// Its hub is for the Pods that it makes, and for those that get a sidecar; all else stays out.
json who_may_reach_it(const Installation& to) {
  json made = object("networking.k8s.io/v1", "NetworkPolicy", kHub, to);
  const json injected = {
      {"namespaceSelector", {{"matchLabels", {{"scanflow.dev/injection", "enabled"}}}}}};
  made["spec"] = {{"podSelector", {{"matchLabels", labels()}}},
                  {"policyTypes", {"Ingress"}},
                  {"ingress",
                   {{{"from", {{{"podSelector", {{"matchLabels", labels_of_steps()}}}}, injected}},
                     {"ports",
                      {{{"protocol", "TCP"}, {"port", to.hub_port}},
                       {{"protocol", "TCP"}, {"port", to.hub_port + 1}}}}}}}};
  return made;
}

json where_steps_may_go(const Installation& to) {
  json made = object("networking.k8s.io/v1", "NetworkPolicy", "scanflow-steps", to);
  const json to_hub = {{"to", {{{"podSelector", {{"matchLabels", labels()}}}}}},
                       {"ports",
                        {{{"protocol", "TCP"}, {"port", to.hub_port}},
                         {{"protocol", "TCP"}, {"port", to.hub_port + 1}}}}};
  const json to_dns = {
      {"ports", {{{"protocol", "UDP"}, {"port", 53}}, {{"protocol", "TCP"}, {"port", 53}}}}};
  // Of their gang, whose ports are not known.
  const json to_ranks = {{"to", {{{"podSelector", {{"matchLabels", labels_of_steps()}}}}}}};
  made["spec"] = {{"podSelector", {{"matchLabels", labels_of_steps()}}},
                  {"policyTypes", {"Egress"}},
                  {"egress", {to_hub, to_dns, to_ranks}}};
  return made;
}

/// A drain may always go on: what runs outlives the engine.
json budget(const Installation& to) {
  json made = object("policy/v1", "PodDisruptionBudget", kName, to);
  made["spec"] = {{"maxUnavailable", 1}, {"selector", {{"matchLabels", labels()}}}};
  return made;
}

}  // namespace

json manifests(const Installation& installation) {
  json all = json::array();
  if (installation.makes_namespace) all.push_back(name_space_of(installation));
  all.push_back(account(installation));
  for (json& each :
       rights_of({installation.name_space, kName, installation.cluster_wide, labels()}))
    all.push_back(std::move(each));
  for (json& each : std::vector<json>{claim(installation), hub(installation),
                                      who_may_reach_it(installation), budget(installation)})
    all.push_back(std::move(each));
  if (installation.egress) all.push_back(where_steps_may_go(installation));
  all.push_back(stateful_set(installation));
  return all;
}

}  // namespace scanflow::deploy
