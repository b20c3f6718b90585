#include "engine/runtime/cluster.hpp"

#include <cstdlib>

namespace scanflow::runtime {

std::string variable(const char* name, const std::string& otherwise) {
  const char* chosen = std::getenv(name);
  return chosen != nullptr && *chosen != '\0' ? chosen : otherwise;
}

Cluster cluster_of_environment() {
  Cluster cluster;
  cluster.where.context = variable("SCANFLOW_KUBE_CONTEXT");
  cluster.name_space = variable("SCANFLOW_KUBE_NAMESPACE");
  cluster.advertise = variable("SCANFLOW_HUB_ADVERTISE");
  return cluster;
}

}  // namespace scanflow::runtime
