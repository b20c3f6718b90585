// Replicas of services as Pods of podman on this machine: each with a sidecar, which tells it its versions. They end with
// this process; what it leaves behind when it is killed, the next one removes. Thread-safe.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/podman/podman.hpp"
#include "engine/podman/watch.hpp"
#include "engine/serve/instance.hpp"
#include "engine/services/pod_manifests.hpp"
#include "engine/services/sidecars.hpp"

namespace scanflow::services {

class PodInstance;

class PodmanPods {
 public:
  struct Options {
    std::filesystem::path directory;  // of podman's client alone
    std::string state;                // names the engine's state directory among others
    std::string image, sidecar_image;
    std::string version;                               // of Scanflow
    std::function<void(const std::string& line)> log;  // [any-thread]
  };
  /// The engine outlives it, or it was told to forget it.
  PodmanPods(Options options, runtime::Engine& engine);
  ~PodmanPods();
  /// The engine is about to end, and nothing is looked for any more.
  void forget_engine();

  /// Looks for podman. An error says why Pods cannot run here. Blocks; once it is open it does nothing.
  Result<void> open();
  /// An error says why no Pod could serve it.
  Result<void> check(const infer::ServiceDocument& document) const;
  /// What an earlier process has left goes. Blocks.
  Result<void> clear();
  /// Once it is open, which outlives it.
  std::shared_ptr<serve::Instance> begin(const serve::ServiceName& name,
                                         serve::InstanceOrder order);
  /// Writes what those that there are have said until now to their logs. Blocks.
  void save_logs(const serve::ServiceName& name) const;
  /// Pods may have the models of these nodes (Sidecars::lend).
  void lend(const serve::ServiceName& name, const std::vector<infer::NodeDocument>& nodes) {
    sidecars_.lend(kNamespace, name, nodes);
  }

 private:
  friend class PodInstance;
  /// As which they come to the hub: no cluster has such a namespace.
  static constexpr const char* kNamespace = "podman:services";
  PodSettings settings() const;
  /// Makes and starts the Pod; gives the ids of its containers. Blocks.
  Result<std::vector<std::string>> make(const std::string& pod,
                                        const infer::ServiceDocument& document,
                                        const std::stop_token& stop);
  /// Whatever there is of it. Blocks.
  void remove(const std::string& pod);
  void on_event(const podman::Event& event);

  const Options options_;
  Sidecars sidecars_;
  std::mutex opening_;
  std::stop_source ends_;
  std::optional<podman::Podman> podman_, quick_;             // set once; the second waits less long
  mutable std::mutex mutex_;                                 // of what follows
  std::map<std::string, std::weak_ptr<PodInstance>> there_;  // by name
  std::unique_ptr<podman::Watch> watch_;
};

}  // namespace scanflow::services
