// The cluster that Pods are made in, and whom all belongs to that an engine makes there: a ConfigMap, with which
// everything goes.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "engine/kube/client.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::backend {

struct PodCluster {
  std::shared_ptr<kube::Client> client;
  std::string name_space;  // where Pods are made
  bool keeps_sidecars = false;
};

/// `name_space`: empty: the context's; `advertise`: by which Pods reach this engine's machine. Blocks.
Result<PodCluster> find_cluster(const kube::Whereabouts& where, const kube::Client::Means& means,
                                const std::string& name_space, const std::string& advertise,
                                const std::stop_token& stop);

struct ClusterOwner {
  std::string name, uid;
};

/// The one of this state directory; made where there is none. Blocks.
Result<ClusterOwner> make_owner(kube::Client& client, const std::string& name_space,
                                const std::string& state, const std::stop_token& stop);

}  // namespace scanflow::backend
