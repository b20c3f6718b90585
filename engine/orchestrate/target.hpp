// Which object of a cluster a primitive is asked of: as people write it, and where the API server has it.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/kube/client.hpp"
#include "engine/kube/kind.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::orchestrate {

using nlohmann::json;

struct Target {
  kube::Kind kind;
  std::string name_space;  // empty where its kind has none
  std::string name;
};
/// "Deployment shop/web", for a person.
inline std::string named(const Target& target) {
  return kube::named(target.kind, target.name_space, target.name);
}

/// "deployment/web.shop" in its parts. Namespaces have no dots: the name's last part is one, unless
/// `name_space` says it already, or the kind has none.
struct Written {
  std::string kind, name;
};
/// An error says how one is written.
Result<Written> read_target(std::string_view text);

/// Of those that are known here, by kind, plural or short name, in any case, with or without its group
/// ("Deployment", "deploy", "deployments.apps"); null: none.
const kube::Kind* known_kind(std::string_view name);
/// Their names, for messages.
std::vector<std::string> known_kinds();

/// `given`: the namespace that was asked for, if one was; else the name may end in one; else `usual`.
Target target_of(const kube::Kind& kind, const std::string& name, const std::string& given,
                 const std::string& usual);

/// The object that is meant; `given` and `usual`: target_of. A kind that is not known here is asked of the API server:
/// "inferenceservices.serving.kserve.io" (or its kind, or with a version: "inferenceservices.v1beta1.serving.kserve.io").
/// The failure's message says what there is, or why it could not be asked (code 0).
kube::Answer<Target> find_target(kube::Client& client, const Written& written,
                                 const std::string& given, const std::string& usual,
                                 const std::stop_token& stop = {});
/// Who controls an object: its kind, where that is known here, and its name.
struct Controller {
  std::string kind, name;
  std::optional<Target> target;
};
std::optional<Controller> controller_of(const json& object);

namespace kinds {
using kube::kinds::kDeployment;
inline const kube::Kind kStatefulSet{"apps", "v1", "statefulsets", "StatefulSet"};
inline const kube::Kind kDaemonSet{"apps", "v1", "daemonsets", "DaemonSet"};
inline const kube::Kind kReplicaSet{"apps", "v1", "replicasets", "ReplicaSet"};
inline const kube::Kind kCronJob{"batch", "v1", "cronjobs", "CronJob"};
inline const kube::Kind kJob{"batch", "v1", "jobs", "Job"};
inline const kube::Kind kAutoscaler{"autoscaling", "v2", "horizontalpodautoscalers",
                                    "HorizontalPodAutoscaler"};
inline const kube::Kind kScaledObject{"keda.sh", "v1alpha1", "scaledobjects", "ScaledObject"};
inline const kube::Kind kBudget{"policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget"};
inline const kube::Kind kHttpRoute{"gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute"};
inline const kube::Kind kVirtualService{"networking.istio.io", "v1", "virtualservices",
                                        "VirtualService"};
}  // namespace kinds

}  // namespace scanflow::orchestrate
