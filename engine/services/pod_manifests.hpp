// A service as objects of a cluster: a Deployment, whose Pods serve it beside a sidecar, and a Service by which they are
// found; or as Pods of podman. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "engine/infer/document.hpp"
#include "engine/inject/settings.hpp"
#include "engine/serve/front.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::services {

using nlohmann::json;

inline constexpr const char* kServiceContainer = "service";
inline constexpr int kServicePort = 80;  // of the Service; its Pods listen on 8080

struct PodSettings {
  std::string name_space;    // of the cluster; as which Pods of podman come to the hub
  std::string state;         // names the engine's state directory among others
  std::string image;         // with scanflow-service and the plugins
  inject::Settings sidecar;  // where its hub is, and what opens it
};

/// Of its objects: a DNS label, the same each time, and no other service's.
std::string object_name(const serve::ServiceName& name);
/// Of the Deployment that is its backup.
std::string backup_name(const serve::ServiceName& name);
/// "scanflow.dev/state=...,scanflow.dev/service": Pods of services of this state directory.
std::string selector_of(const PodSettings& settings);

/// `object`: one of the names above. Which versions its nodes have is not in it: they are told by the sidecars, and
/// change without new Pods. An error says why Pods cannot serve it.
Result<json> deployment_of(const std::string& object, std::size_t replicas,
                           const infer::ServiceDocument& document, const PodSettings& settings);
/// Its requests go to Pods of the Deployment `to`.
json service_of(const serve::ServiceName& name, const std::string& to, const PodSettings& settings);

/// A label of each Pod of podman: PodSettings::state.
inline constexpr const char* kPodmanLabel = "scanflow.dev/services";
/// Of a replica: no other state directory's is called so.
std::string pod_name(const serve::ServiceName& name, const std::string& state,
                     const std::string& replica);
/// A Pod of podman. The sockets that the document names (listen, admin) are made by it on this machine, in one directory
/// where its user may make them.
Result<json> pod_of(const std::string& pod, const infer::ServiceDocument& document,
                    const PodSettings& settings);

/// What a sidecar is told of a node: {"node", "versions"}, as the primitive set_traffic has it. Null: the node has no
/// model. An error: a model is not in the artifact store, so that no Pod could have it.
Result<json> traffic_of(const infer::NodeDocument& node);

}  // namespace scanflow::services
