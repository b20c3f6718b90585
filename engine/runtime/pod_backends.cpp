// Backends of Pods, and what the hub tells the engine of their sidecars.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "engine/backend/podman_driver.hpp"
#include "engine/runtime/engine_impl.hpp"
#include "sdk/base/digest.hpp"

namespace scanflow::runtime {
namespace {

constexpr std::size_t kStateDigits = 12;

std::string image(const char* variable, const std::string& kind) {
  const char* chosen = std::getenv(variable);
  if (chosen != nullptr && *chosen != '\0') return chosen;
  return fmt::format("localhost/scanflow-{}:latest", kind);
}

}  // namespace

std::unique_ptr<backend::Backend> Engine::Impl::make_podman(const backend::Sink& sink) {
  backend::PodOptions pod_options;
  pod_options.directory = options.state.pods();
  pod_options.state = sha256_hex(options.state.root.string()).substr(0, kStateDigits);
  pod_options.images = {image("SCANFLOW_SIDECAR_IMAGE", "sidecar"),
                        image("SCANFLOW_WORKER_IMAGE", "worker"),
                        image("SCANFLOW_COMMAND_IMAGE", "python")};
  pod_options.version = SCANFLOW_VERSION;
  pod_options.log = options.log;
  auto made = std::make_unique<backend::PodBackend>(pod_options, strand, pod_fleet, sink);
  pods = made.get();
  backend::PodDriver::Events events;
  events.ended = [this](const backend::ContainerEnd& end) { pods->container_ended(end); };
  events.trouble = [this](const std::string& line) { pods->trouble(line); };
  made->drive_by(std::make_unique<backend::PodmanDriver>(options.state.pods() / "podman",
                                                         pod_options.state, strand, events));
  return made;
}

FleetEvents Engine::Impl::fleet_events() {
  FleetEvents events;
  events.attached = [this](const hub::SidecarKey& key) {
    if (pods != nullptr) pods->attached(key);
  };
  events.suspected = [this](const hub::SidecarKey& key) {
    if (pods != nullptr) pods->suspected(key);
  };
  events.detached = [this](const hub::SidecarKey& key) {
    if (pods != nullptr) pods->detached(key);
  };
  events.said = [this](const hub::SidecarKey& key, const protocol::Body& body) {
    if (pods != nullptr) pods->said(key, body);
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

hub::SidecarKey Engine::Impl::sidecar_of(const Steered& target) const {
  if (const Fleet::Workload* workload = steering.fleet->workload(target.id))
    return workload->sidecar;
  const std::string pod = pods == nullptr ? "" : pods->pod_of(target.id);
  return pod.empty() ? local_sidecar() : hub::SidecarKey{pod, pod};
}

bool Engine::Impl::is_foreign(const hub::SidecarKey& from, const protocol::AttemptId& id) const {
  return from != local_sidecar() && pods != nullptr && !pods->owns(from, id);
}

}  // namespace scanflow::runtime
