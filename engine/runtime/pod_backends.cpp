// Backends of Pods, and what the hub tells the engine of their sidecars.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "engine/backend/kubernetes_driver.hpp"
#include "engine/backend/podman_driver.hpp"
#include "engine/runtime/cluster.hpp"
#include "engine/runtime/engine_impl.hpp"
#include "engine/runtime/namespaces.hpp"
#include "engine/runtime/pod_images.hpp"

namespace scanflow::runtime {
namespace {

backend::KubernetesOptions cluster_options() {
  Cluster cluster = cluster_of_environment();
  backend::KubernetesOptions options;
  options.where = std::move(cluster.where);
  options.name_space = std::move(cluster.name_space);
  options.advertise = std::move(cluster.advertise);
  return options;
}

}  // namespace

std::unique_ptr<backend::Backend> Engine::Impl::make_pods(const std::string& name,
                                                          const backend::Sink& sink) {
  const bool here = name == "podman";
  backend::PodOptions pod_options;
  pod_options.directory = here ? options.state.pods() : options.state.pods() / name;
  pod_options.state = state_name(options.state);
  pod_options.images = pod_images(here);
  pod_options.version = SCANFLOW_VERSION;
  pod_options.log = options.log;
  auto made = std::make_unique<backend::PodBackend>(pod_options, strand, pod_fleet, sink);
  backend::PodBackend* const one = made.get();
  pods.push_back(one);
  backend::PodDriver::Events events;
  events.ended = [one](const backend::ContainerEnd& end) { one->container_ended(end); };
  events.placed = [one](const std::string& pod) { one->placed(pod); };
  events.trouble = [one](const std::string& line) { one->trouble(line); };
  if (here) {
    made->drive_by(std::make_unique<backend::PodmanDriver>(options.state.pods() / "podman",
                                                           pod_options.state, strand, events));
  } else {
    made->drive_by(std::make_unique<backend::KubernetesDriver>(cluster_options(), pod_options.state,
                                                               strand, events));
  }
  return made;
}

/// For Pods that are not the engine's: where their namespaces are enrolled, or the port is given.
void Engine::Impl::open_hub() {
  const auto say = [this](const std::string& line) {
    if (options.log) options.log(line);
  };
  const auto namespaces = read_namespaces(options.state.hub_namespaces());
  if (!namespaces) return say(namespaces.error().message);
  if (!options.store || (namespaces->empty() && variable("SCANFLOW_HUB_PORT").empty())) return;
  // Where it was: Pods look for it there, also those of the engine before this one.
  pod_fleet.listen(true, [this, say](const Result<backend::HubAddress>& address) {
    if (address) return say(fmt::format("sidecars find the hub on port {}", address->port));
    if (std::exchange(hub_problem, address.error().message) != hub_problem)
      say("the hub cannot be reached by Pods: " + hub_problem);
    hub_timer.expires_after(std::chrono::seconds(1));
    hub_timer.async_wait([this](boost::system::error_code error) {
      if (!error && !closing && !failed) open_hub();
    });
  });
}

void Engine::Impl::enrol(const std::string& name_space,
                         const std::function<void(Result<Enrolled>)>& then) {
  auto namespaces = read_namespaces(options.state.hub_namespaces());
  if (!namespaces) return then(tl::unexpected(namespaces.error()));
  if (namespaces->insert(name_space).second) {
    const auto written = write_namespaces(options.state.hub_namespaces(), *namespaces);
    if (!written) return then(tl::unexpected(written.error()));
  }
  pod_fleet.listen(true, [this, name_space, then](const Result<backend::HubAddress>& address) {
    if (!address) return then(tl::unexpected(address.error()));
    then(Enrolled{*address, pod_fleet.keys_of(user_of_namespace(name_space))});
  });
}

void Engine::Impl::admit_pod(const std::string& user,
                             const std::function<void(Result<Enrolled>)>& then) {
  pod_fleet.listen(false, [this, user, then](const Result<backend::HubAddress>& address) {
    if (!address) return then(tl::unexpected(address.error()));
    pod_fleet.admit(user);
    then(Enrolled{*address, pod_fleet.keys_of(user)});
  });
}

FleetEvents Engine::Impl::fleet_events() {
  FleetEvents events;
  events.enters = [this](const hub::SidecarKey& key, const protocol::Hello& hello,
                         std::string& why) { return enrolment.enters(key, hello, why); };
  events.is_foreign = [this](const hub::SidecarKey& key, const protocol::AttemptId& id) {
    // Those of the engine's own Pods may come before it has found out which attempt each has.
    return namespace_of_user(key.user) && is_foreign(key, id);
  };
  events.attached = [this](const hub::SidecarKey& key) {
    if (auto* owner = backend_of(key)) owner->attached(key);
  };
  events.suspected = [this](const hub::SidecarKey& key) {
    if (auto* owner = backend_of(key)) owner->suspected(key);
  };
  events.detached = [this](const hub::SidecarKey& key) {
    if (auto* owner = backend_of(key)) owner->detached(key);
  };
  events.said = [this](const hub::SidecarKey& key, const protocol::Body& body) {
    if (auto* owner = backend_of(key)) owner->said(key, body);
  };
  events.delivery = [this](const hub::SidecarKey& from, std::uint64_t number,
                           const protocol::Message& message) {
    on_delivery(from, number, message);
  };
  events.expired = [this](const std::string& id) {
    end_command(id, "EXPIRED", "no sidecar took it in time");
  };
  events.lost = [this](const std::string& id) {
    end_command(id, "INDETERMINATE", "its sidecar is gone: nobody can say what became of it");
  };
  events.refused = [this](const std::string& id, const std::string& why) {
    end_command(id, "FAILED", why);
  };
  return events;
}

hub::SidecarKey Engine::Impl::sidecar_of(const protocol::AttemptId& target) const {
  if (const Fleet::Workload* workload = steering.fleet->workload(target)) return workload->sidecar;
  for (const backend::PodBackend* each : pods) {
    const std::string pod = each->pod_of(target);
    if (!pod.empty()) return {pod, pod};
  }
  return local_sidecar();
}

backend::PodBackend* Engine::Impl::backend_of(const hub::SidecarKey& sidecar) const {
  const bool injected = namespace_of_user(sidecar.user).has_value();
  if (sidecar == local_sidecar() || injected || pods.empty()) return nullptr;
  const auto owner = std::find_if(pods.begin(), pods.end(), [&](const backend::PodBackend* each) {
    return each->has(sidecar);
  });
  return owner == pods.end() ? pods.front() : *owner;  // who knows what to do with strangers
}

bool Engine::Impl::is_foreign(const hub::SidecarKey& from, const protocol::AttemptId& id) const {
  if (namespace_of_user(from.user)) return id.run != from.pod_uid;
  const backend::PodBackend* owner = backend_of(from);
  return owner != nullptr && !owner->owns(from, id);
}

}  // namespace scanflow::runtime
