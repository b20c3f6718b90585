// The cluster that an engine is for, as its environment says.
#pragma once

#include <string>

#include "engine/kube/access.hpp"
#include "engine/runtime/state_directory.hpp"

namespace scanflow::runtime {

/// The variable's value where it is set, and not empty.
std::string variable(const char* name, const std::string& otherwise = "");

struct Cluster {
  kube::Whereabouts where;
  std::string name_space;  // empty: the context's
  std::string advertise;   // by which Pods reach this engine's machine
};
/// Names a state directory among others, to podman and clusters: in names and labels.
std::string state_name(const StateDirectory& state);

/// SCANFLOW_KUBE_CONTEXT, SCANFLOW_KUBE_NAMESPACE, SCANFLOW_HUB_ADVERTISE, and KUBECONFIG.
Cluster cluster_of_environment();

}  // namespace scanflow::runtime
