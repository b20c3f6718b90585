#include "engine/kube/rights.hpp"

namespace scanflow::kube {

const std::vector<Right>& rights() {
  static const std::vector<Right> all = {
      {"", "pods", {"create", "get", "list", "watch", "delete"}, "steps run as Pods"},
      {"",
       "secrets",
       {"create", "patch"},
       "Pods get their keys of the hub by Secrets of their own"},
      {"", "configmaps", {"create", "get"}, "all that is made has an owner, with which it goes"},
      {"coordination.k8s.io",
       "leases",
       {"create", "get", "update"},
       "of several servers one is the engine",
       false},
      {"", "pods", {"patch"}, "resize", false},
      {"", "pods/resize", {"patch"}, "resize", false},
      {"", "pods/eviction", {"create"}, "evict", false},
      {"", "pods/log", {"get"}, "logs of what the engine has not started", false},
      {"",
       "events",
       {"create", "patch"},
       "what an engine does is among the cluster's events",
       false},
      {"apps",
       "deployments",
       {"get", "list", "watch", "patch"},
       "rollout_restart, place, patch",
       false},
      {"apps", "deployments/scale", {"get", "patch"}, "scale", false},
      {"apps",
       "statefulsets",
       {"get", "list", "watch", "patch"},
       "rollout_restart, place, patch",
       false},
      {"apps", "statefulsets/scale", {"get", "patch"}, "scale", false},
      {"autoscaling",
       "horizontalpodautoscalers",
       {"create", "get", "list", "patch"},
       "scale, set_autoscaler",
       false},
  };
  return all;
}

}  // namespace scanflow::kube
