// What of a request goes into a Pod, and what the Pod is like that runs it. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "sidecar/protocol/messages.hpp"

namespace scanflow::backend {

inline constexpr const char* kAppContainer = "step";
inline constexpr const char* kSidecarContainer = "scanflow-sidecar";
/// A label of each Pod: its name.
inline constexpr const char* kPodLabel = "scanflow.dev/pod";
/// Where checkpoints are in a Pod: where its sidecar, too, can read them.
inline constexpr const char* kCheckpoints = "/scanflow/checkpoints";

/// How long a Pod is kept for the next step; of one that is not, `uses` is 1.
struct Reuse {
  std::uint32_t uses = 1;
  std::int64_t idle_us = 0, age_us = 0;
};

struct Images {
  std::string sidecar;
  std::string worker;   // of plugins
  std::string command;  // of commands whose step names none
};

/// What decides which Pod can run an attempt: two with the same `hash` can run in the same one.
struct PodTemplate {
  nlohmann::json manifest;  // of a Pod without a name, a sidecar, or keys
  nlohmann::json secrets;  // of a cluster, that its sidecar gives the step: variable -> {name, key}
  std::string hash;
  Reuse reuse;
};

PodTemplate pod_template(const protocol::Request& request, const Images& images);

/// As the sidecar of its Pod reads it: paths of this machine mean nothing there.
protocol::Request pod_request(const protocol::Request& request);

/// Of the first attempt that runs in it: the same each time, so that it is found again.
std::string pod_name(const protocol::AttemptId& id, const std::string& state);

/// Where the log of an attempt goes, in the run's log directory.
std::string log_segment(const protocol::AttemptId& id);

}  // namespace scanflow::backend
