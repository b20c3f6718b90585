#include "engine/runtime/cluster.hpp"

#include <cstdlib>

#include "sdk/base/digest.hpp"

namespace scanflow::runtime {

std::string variable(const char* name, const std::string& otherwise) {
  const char* chosen = std::getenv(name);
  return chosen != nullptr && *chosen != '\0' ? chosen : otherwise;
}

std::string state_name(const StateDirectory& state) {
  constexpr std::size_t kDigits = 12;
  return sha256_hex(state.root.string()).substr(0, kDigits);
}

Cluster cluster_of_environment() {
  Cluster cluster;
  cluster.where.context = variable("SCANFLOW_KUBE_CONTEXT");
  cluster.name_space = variable("SCANFLOW_KUBE_NAMESPACE");
  cluster.advertise = variable("SCANFLOW_HUB_ADVERTISE");
  return cluster;
}

}  // namespace scanflow::runtime
