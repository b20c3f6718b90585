// CPU and memory of a Pod's containers: what they become, and how far a kubelet is with it. Pure.
#pragma once

#include <optional>
#include <string>

#include "engine/orchestrate/change.hpp"

namespace scanflow::orchestrate {

/// "500m", "2", "1Gi", "1e3": its number; nothing: it is no quantity.
std::optional<double> quantity(const json& amount);
bool same_quantity(const json& a, const json& b);

/// "Guaranteed", "Burstable" or "BestEffort", as Kubernetes reckons it of a Pod's spec.
std::string qos_class(const json& spec);

struct Resizing {
  std::string list;  // of the Pod's spec: "containers", or "initContainers" of a sidecar
  std::string container;
  json before, after;     // its resources
  bool restarts = false;  // its resizePolicy says that it is started anew
};
/// `arguments`: {"container", "cpu", "memory", "cpu_limit", "memory_limit"}. A limit that is the same as its request
/// goes with it, and the class of service stays. Refused where that cannot be.
tl::expected<Resizing, Outcome> resizing_of(const Target& pod, const json& object,
                                            const json& arguments);
Result<void> check_resources(const json& arguments);
/// Of the Pod's subresource `resize`; or of a template (`within`: "template"), by which a workload's Pods are.
json resize_patch(const Resizing& resizing);
json template_patch(const Resizing& resizing);

struct Progress {
  enum class State { asked, under_way, deferred, infeasible, done, ended };
  State state = State::asked;
  std::string condition, reason, message;  // as the kubelet says it; "" where it says none
};
/// `pod`: as it is by now. What was said of an earlier resize does not count.
Progress progress_of(const json& pod, const Resizing& resizing);

}  // namespace scanflow::orchestrate
