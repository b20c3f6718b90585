// The node of a KubeServer whose Pods really run: podman's, on this machine. What podman has not is made up for:
// Secrets lie in files, and sidecars that stay are containers beside the app.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/podman/podman.hpp"
#include "engine/podman/watch.hpp"
#include "tests/support/kube/kubelet.hpp"

namespace scanflow::test {

class PodmanNode {
 public:
  /// `directory`: of its own, and outlives it.
  PodmanNode(kube::KubeServer& server, podman::Podman podman, std::filesystem::path directory);

  kube::Kubelet& kubelet() { return kubelet_; }

 private:
  /// Nothing of its Pods stays.
  struct Left {
    const podman::Podman podman;
    const std::string label;
    ~Left();
  };

  kube::KubeletOptions hooks();
  std::string run(const nlohmann::json& pod);
  void stop(const nlohmann::json& pod, std::int64_t grace_s);
  /// All that has not ended yet.
  void end(const nlohmann::json& pod, int code);
  void exit(const std::string& pod, const std::string& container, int code, bool oom);
  void on_event(const podman::Event& event);
  nlohmann::json adapted(nlohmann::json pod);
  void adapt_volumes(nlohmann::json& pod);
  void adapt_environment(const std::string& name_space, nlohmann::json& container);
  std::string secret(const std::string& name_space, const std::string& name,
                     const std::string& key);

  kube::KubeServer& server_;
  const std::filesystem::path directory_;
  const Left left_;        // ends last: what the others began is removed
  kube::Kubelet kubelet_;  // its threads tell the node, and
  podman::Watch watch_;    // this one tells the kubelet
};

}  // namespace scanflow::test
