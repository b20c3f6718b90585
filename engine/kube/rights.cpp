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
  };
  return all;
}

}  // namespace scanflow::kube
