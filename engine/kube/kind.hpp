// Kinds of objects of the Kubernetes API, and where they are: plain data.
#pragma once

#include <string>

namespace scanflow::kube {

struct Kind {
  std::string group;  // empty: the core
  std::string version, plural, kind;
  bool namespaced = true;

  std::string api_version() const { return group.empty() ? version : group + "/" + version; }
};

/// "/apis/apps/v1/namespaces/shop/deployments/web/scale". `name_space`: empty for all namespaces, and where it
/// has none; `name`: empty for the collection.
std::string path_of(const Kind& kind, const std::string& name_space, const std::string& name = "",
                    const std::string& subresource = "");
/// "Pod shop/a", for a person.
std::string named(const Kind& kind, const std::string& name_space, const std::string& name);

namespace kinds {
inline const Kind kPod{"", "v1", "pods", "Pod"};
inline const Kind kNode{"", "v1", "nodes", "Node", false};
inline const Kind kNamespace{"", "v1", "namespaces", "Namespace", false};
inline const Kind kConfigMap{"", "v1", "configmaps", "ConfigMap"};
inline const Kind kSecret{"", "v1", "secrets", "Secret"};
inline const Kind kService{"", "v1", "services", "Service"};
inline const Kind kDeployment{"apps", "v1", "deployments", "Deployment"};
inline const Kind kEvent{"events.k8s.io", "v1", "events", "Event"};
inline const Kind kLease{"coordination.k8s.io", "v1", "leases", "Lease"};
inline const Kind kAccessReview{"authorization.k8s.io", "v1", "selfsubjectaccessreviews",
                                "SelfSubjectAccessReview", false};
}  // namespace kinds

}  // namespace scanflow::kube
