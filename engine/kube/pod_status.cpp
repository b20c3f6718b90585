#include "engine/kube/pod_status.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "engine/kube/fields.hpp"

namespace scanflow::kube {
namespace {

using nlohmann::json;

ContainerStatus read_container(const json& status, bool init) {
  ContainerStatus read;
  read.name = text_of(status, "name");
  read.init = init;
  read.restarts = static_cast<int>(number_of(status, "restartCount"));
  const json& state = part_of(status, "state");
  for (const auto& [name, what] : state.items()) {
    read.state = name == "running"      ? ContainerStatus::State::running
                 : name == "terminated" ? ContainerStatus::State::terminated
                                        : ContainerStatus::State::waiting;
    read.reason = text_of(what, "reason");
    read.message = text_of(what, "message");
    read.exit_code = static_cast<int>(number_of(what, "exitCode"));
  }
  return read;
}

/// Why a container does not start. What the kubelet tries again `may_pass`.
struct Known {
  std::string_view reason, cause, fix;
  bool may_pass = false;
};
constexpr std::array kWaits = {
    Known{"ErrImageNeverPull", "config",
          "bring the image to the node, or say imagePullPolicy: IfNotPresent"},
    Known{"InvalidImageName", "config", "correct the step's image"},
    Known{"ErrImagePull", "config",
          "is its name right, is it in the registry, and does the Pod have imagePullSecrets?",
          true},
    Known{"ImagePullBackOff", "config",
          "is its name right, is it in the registry, and does the Pod have imagePullSecrets?",
          true},
    Known{"ErrImageInspect", "config", "the node's image store is broken", true},
    Known{"RegistryUnavailable", "retryable", "the registry is away", true},
    Known{"CreateContainerConfigError", "config",
          "a Secret or ConfigMap that it needs is missing, or its user is", true},
    Known{"CreateContainerError", "config", "the node's runtime refuses it", true},
    Known{"RunContainerError", "config", "is its command in the image?", true},
};

std::optional<Trouble> trouble_of(const ContainerStatus& container) {
  if (container.state == ContainerStatus::State::terminated &&
      (container.reason == "StartError" || container.reason == "ContainerCannotRun")) {
    return Trouble{"config",
                   fmt::format("container {} cannot be started: {} (is its command in the image?)",
                               container.name, container.message),
                   false};
  }
  if (container.state != ContainerStatus::State::waiting) return std::nullopt;
  const auto* known = std::find_if(kWaits.begin(), kWaits.end(), [&](const Known& each) {
    return each.reason == container.reason;
  });
  if (known == kWaits.end()) return std::nullopt;
  return Trouble{std::string(known->cause),
                 fmt::format("container {} does not start: {}: {} ({})", container.name,
                             container.reason, container.message, known->fix),
                 known->may_pass};
}

const json* condition_of(const json& status, std::string_view type) {
  const auto all = status.find("conditions");
  if (all == status.end() || !all->is_array()) return nullptr;
  for (const json& each : *all) {
    if (text_of(each, "type") == type) return &each;
  }
  return nullptr;
}

/// Somebody ends it: who, and why.
std::optional<Trouble> disruption_of(const json& status) {
  const json* target = condition_of(status, "DisruptionTarget");
  if (target == nullptr || text_of(*target, "status") != "True") return std::nullopt;
  const std::string reason = text_of(*target, "reason"), message = text_of(*target, "message");
  if (reason == "DeletionByTaintManager" || reason == "DeletionByPodGC")
    return Trouble{"lost", fmt::format("its node is gone, or does not answer: {}", message), false};
  return Trouble{"evicted", fmt::format("it was evicted ({}): {}", reason, message), false};
}

std::optional<Trouble> trouble_of(const json& status) {
  const std::string phase = text_of(status, "phase"), reason = text_of(status, "reason");
  const std::string message = text_of(status, "message");
  if (reason == "NodeLost")
    return Trouble{"lost", fmt::format("its node does not answer: {}", message), false};
  if (auto disrupted = disruption_of(status)) return disrupted;
  if (phase == "Failed" && (reason == "Evicted" || reason == "Preempting"))
    return Trouble{
        "evicted",
        fmt::format("it was evicted: {} (ask for as much as it needs: resources.requests)",
                    message),
        false};
  if (phase == "Failed" && reason == "DeadlineExceeded")
    return Trouble{"timeout", fmt::format("{} (activeDeadlineSeconds)", message), false};
  if (phase == "Failed" &&
      (reason == "NodeShutdown" || reason == "Terminated" || reason == "Shutdown"))
    return Trouble{"evicted", fmt::format("its node shuts down: {}", message), false};
  // The kubelet refuses what the scheduler gave it: OutOfcpu, OutOfmemory, NodeAffinity, UnexpectedAdmissionError...
  if (phase == "Failed" && !reason.empty())
    return Trouble{"retryable", fmt::format("its node refused it ({}): {}", reason, message),
                   false};
  if (const json* scheduled = condition_of(status, "PodScheduled");
      scheduled != nullptr && text_of(*scheduled, "status") == "False") {
    return Trouble{"retryable",
                   fmt::format("no node takes it: {} (ask for less, change its nodeSelector, "
                               "affinity or tolerations, or "
                               "add nodes)",
                               text_of(*scheduled, "message")),
                   true};
  }
  return std::nullopt;
}

}  // namespace

const ContainerStatus* PodStatus::find(const std::string& container) const {
  const auto found =
      std::find_if(containers.begin(), containers.end(),
                   [&](const ContainerStatus& each) { return each.name == container; });
  return found == containers.end() ? nullptr : &*found;
}

PodStatus read_pod_status(const json& pod) {
  const json &metadata = part_of(pod, "metadata"), &status = part_of(pod, "status");
  PodStatus read;
  read.name = text_of(metadata, "name");
  read.uid = text_of(metadata, "uid");
  read.deleting = metadata.contains("deletionTimestamp");
  read.node = text_of(part_of(pod, "spec"), "nodeName");
  read.phase = text_of(status, "phase");
  for (const json& condition : status.value("conditions", json::array()))
    if (text_of(condition, "type") == "Ready") read.ready = text_of(condition, "status") == "True";
  for (const char* list : {"initContainerStatuses", "containerStatuses"}) {
    const auto all = status.find(list);
    if (all == status.end() || !all->is_array()) continue;
    for (const json& each : *all)
      read.containers.push_back(read_container(each, std::string_view(list).starts_with("init")));
  }
  read.trouble = trouble_of(status);
  for (const ContainerStatus& container : read.containers) {
    if (!read.trouble) read.trouble = trouble_of(container);
  }
  return read;
}

}  // namespace scanflow::kube
