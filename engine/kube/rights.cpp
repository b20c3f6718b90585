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
      {"", "pods/log", {"get"}, "the last words of a container that never reached the hub", false},
      // What follows is for the primitives (engine/orchestrate).
      {"apps",
       "deployments",
       {"get", "patch", "create", "list", "delete"},
       "services run as Deployments; rollout_restart, place, resize",
       false},
      {"",
       "services",
       {"get", "patch", "create", "list", "delete"},
       "services are found by them",
       false},
      {"apps", "statefulsets", {"get", "patch"}, "rollout_restart, place, resize", false},
      {"apps", "daemonsets", {"get", "patch"}, "rollout_restart, place, resize", false},
      {"apps", "replicasets", {"get"}, "scale, and resize: whose a Pod is", false},
      {"apps", "deployments/scale", {"get", "patch"}, "scale", false},
      {"apps", "statefulsets/scale", {"get", "patch"}, "scale", false},
      {"apps", "replicasets/scale", {"get", "patch"}, "scale", false},
      {"batch", "cronjobs", {"get", "patch"}, "place", false},
      {"", "pods/resize", {"patch"}, "resize in place", false},
      {"", "pods/eviction", {"create"}, "evict", false},
      {"policy", "poddisruptionbudgets", {"list"}, "evict: which budget forbids it", false},
      {"autoscaling",
       "horizontalpodautoscalers",
       {"list", "create", "patch"},
       "set_autoscaler, and scale: who owns the replicas",
       false},
      {"keda.sh",
       "scaledobjects",
       {"list", "create", "patch"},
       "set_autoscaler, and scale: who owns the replicas",
       false},
      {"gateway.networking.k8s.io", "httproutes", {"get", "patch"}, "set_traffic", false},
      {"networking.istio.io", "virtualservices", {"get", "patch"}, "set_traffic", false},
      {"events.k8s.io",
       "events",
       {"create", "patch"},
       "objects tell in their Events what was done to them",
       false},
  };
  return all;
}

const std::vector<Right>& rights_to_nodes() {
  static const std::vector<Right> all = {{"", "nodes", {"get", "patch"}, "cordon", false}};
  return all;
}

const std::vector<Right>& rights_to_tokens() {
  static const std::vector<Right> all = {
      {"authentication.k8s.io", "tokenreviews", {"create"}, "which Pod a sidecar is", false}};
  return all;
}

}  // namespace scanflow::kube
