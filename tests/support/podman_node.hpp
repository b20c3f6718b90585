// The node of a KubeServer whose Pods really run: podman's, on this machine. What podman has not is made up for:
// Secrets lie in files, and sidecars that stay are containers beside the app.
#pragma once

#include <filesystem>
#include <memory>
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
  /// Nothing of its Pods stays.
  ~PodmanNode();

  kube::Kubelet& kubelet() { return *kubelet_; }

 private:
  void run(const nlohmann::json& pod);
  void stop(const nlohmann::json& pod);
  /// All that has not ended yet.
  void end(const nlohmann::json& pod, int code);
  void exit(const std::string& pod, const std::string& container, int code, bool oom);
  void on_event(const podman::Event& event);
  nlohmann::json adapted(nlohmann::json pod);
  void adapt_volumes(nlohmann::json& pod);
  void adapt_environment(nlohmann::json& container);
  std::string secret(const std::string& name, const std::string& key);

  kube::KubeServer& server_;
  podman::Podman podman_;
  const std::filesystem::path directory_;
  const std::string label_;
  std::unique_ptr<kube::Kubelet> kubelet_;
  std::unique_ptr<podman::Watch> watch_;
};

}  // namespace scanflow::test
