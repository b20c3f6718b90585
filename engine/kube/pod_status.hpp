// What a Pod's status means: whether it runs, what has become of its containers, and why it does not (or will
// not) run, with what to do. Pure; written after what a real kubelet, scheduler and node controller write.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace scanflow::kube {

struct ContainerStatus {
  enum class State { waiting, running, terminated };
  std::string name;
  bool init = false;
  State state = State::waiting;
  std::string reason, message;  // "CrashLoopBackOff", "OOMKilled"
  int exit_code = 0;            // 128 + the signal's number where one ended it
  int restarts = 0;
  bool out_of_memory() const { return reason == "OOMKilled"; }
};

/// Why a Pod does not run, or not any more.
struct Trouble {
  std::string
      cause;  // a name of pipeline::Cause: "config", "evicted", "lost", "timeout", "retryable"
  std::string message;  // what and why, as the cluster says it, and the fix
  bool may_pass =
      false;  // the cluster goes on trying: an image that cannot be had now, no node with room
};

struct PodStatus {
  std::string name, uid, node, phase;
  bool deleting = false;
  bool ready = false;  // to take requests
  std::vector<ContainerStatus> containers;
  std::optional<Trouble> trouble;

  const ContainerStatus* find(const std::string& container) const;
};
PodStatus read_pod_status(const nlohmann::json& pod);

}  // namespace scanflow::kube
