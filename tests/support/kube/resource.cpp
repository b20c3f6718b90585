#include "tests/support/kube/resource.hpp"

#include <algorithm>
#include <stdexcept>

namespace scanflow::test::kube {
namespace {

Resource of(std::string group, std::string plural, std::string kind,
            std::vector<std::string> subresources = {}, bool namespaced = true,
            bool generations = false) {
  Resource resource;
  const std::size_t slash = group.find('/');
  resource.group = slash == std::string::npos ? "" : group.substr(0, slash);
  resource.version = slash == std::string::npos ? group : group.substr(slash + 1);
  resource.plural = std::move(plural);
  resource.kind = std::move(kind);
  std::transform(resource.kind.begin(), resource.kind.end(), std::back_inserter(resource.singular),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  resource.namespaced = namespaced;
  resource.counts_generations = generations;
  resource.subresources = std::move(subresources);
  return resource;
}

void add_core(Registry& known) {
  known.add(of("v1", "namespaces", "Namespace", {"status"}, false));
  known.add(of("v1", "nodes", "Node", {"status"}, false));
  known.add(
      of("v1", "pods", "Pod", {"status", "resize", "eviction", "log", "binding"}, true, true));
  known.add(of("v1", "services", "Service", {"status"}));
  known.add(of("v1", "endpoints", "Endpoints"));
  known.add(of("v1", "configmaps", "ConfigMap"));
  known.add(of("v1", "secrets", "Secret"));
  known.add(of("v1", "events", "Event"));
  known.add(of("events.k8s.io/v1", "events", "Event"));
  known.add(of("v1", "serviceaccounts", "ServiceAccount", {"token"}));
  known.add(of("v1", "persistentvolumeclaims", "PersistentVolumeClaim", {"status"}));
  known.add(of("v1", "resourcequotas", "ResourceQuota", {"status"}));
  known.add(of("v1", "limitranges", "LimitRange"));
}

void add_workloads(Registry& known) {
  for (const auto& [plural, kind] : {std::pair{"deployments", "Deployment"},
                                     {"statefulsets", "StatefulSet"},
                                     {"replicasets", "ReplicaSet"}}) {
    known.add(of("apps/v1", plural, kind, {"status", "scale"}, true, true));
  }
  known.add(of("apps/v1", "daemonsets", "DaemonSet", {"status"}, true, true));
  known.add(of("batch/v1", "jobs", "Job", {"status"}, true, true));
  known.add(of("batch/v1", "cronjobs", "CronJob", {"status"}, true, true));
  known.add(
      of("autoscaling/v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", {"status"}));
  known.add(of("policy/v1", "poddisruptionbudgets", "PodDisruptionBudget", {"status"}, true, true));
  known.add(of("coordination.k8s.io/v1", "leases", "Lease"));
}

void add_rights_and_policies(Registry& known) {
  const std::string rbac = "rbac.authorization.k8s.io/v1";
  known.add(of(rbac, "roles", "Role"));
  known.add(of(rbac, "rolebindings", "RoleBinding"));
  known.add(of(rbac, "clusterroles", "ClusterRole", {}, false));
  known.add(of(rbac, "clusterrolebindings", "ClusterRoleBinding", {}, false));
  known.add(of("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy", {}, true, true));
  const std::string admission = "admissionregistration.k8s.io/v1";
  for (const auto& [plural, kind] :
       {std::pair{"mutatingwebhookconfigurations", "MutatingWebhookConfiguration"},
        {"validatingwebhookconfigurations", "ValidatingWebhookConfiguration"},
        {"mutatingadmissionpolicies", "MutatingAdmissionPolicy"},
        {"mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding"},
        {"validatingadmissionpolicies", "ValidatingAdmissionPolicy"},
        {"validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding"}}) {
    known.add(of(admission, plural, kind, {}, false, true));
  }
}

void add_custom(Registry& known) {
  Resource route =
      of("gateway.networking.k8s.io/v1", "httproutes", "HTTPRoute", {"status"}, true, true);
  Resource scaled = of("keda.sh/v1alpha1", "scaledobjects", "ScaledObject", {"status"}, true, true);
  Resource istio =
      of("networking.istio.io/v1", "virtualservices", "VirtualService", {"status"}, true, true);
  route.custom = scaled.custom = istio.custom = true;
  known.add(std::move(route));
  known.add(std::move(istio));
  known.add(std::move(scaled));
}

}  // namespace

bool Resource::has(const std::string& subresource) const {
  return std::find(subresources.begin(), subresources.end(), subresource) != subresources.end();
}

Registry::Registry() {
  add_core(*this);
  add_workloads(*this);
  add_rights_and_policies(*this);
  add_custom(*this);
}

const Resource& Registry::add(Resource resource) {
  return resources_.emplace_back(std::move(resource));
}

const Resource* Registry::find(const std::string& group, const std::string& version,
                               const std::string& plural) const {
  const auto found = std::find_if(resources_.begin(), resources_.end(), [&](const Resource& known) {
    return known.group == group && known.version == version && known.plural == plural;
  });
  return found == resources_.end() ? nullptr : &*found;
}

const Resource* Registry::of_kind(const std::string& api_version, const std::string& kind) const {
  const auto found = std::find_if(resources_.begin(), resources_.end(), [&](const Resource& known) {
    return known.kind == kind && known.api_version() == api_version;
  });
  return found == resources_.end() ? nullptr : &*found;
}

const Resource& Registry::core(const std::string& plural) const {
  const Resource* found = find("", "v1", plural);
  if (found == nullptr) throw std::logic_error("no core resource " + plural);
  return *found;
}

}  // namespace scanflow::test::kube
