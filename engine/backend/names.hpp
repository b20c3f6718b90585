// What `--backend` takes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace scanflow::backend {

inline constexpr std::string_view kKubernetes = "kubernetes";

inline std::vector<std::string> names() {
  return {"local", "inproc", "podman", std::string(kKubernetes)};
}
/// Is every attempt a Pod there, with an environment and an image of its own?
inline bool runs_pods(std::string_view backend) {
  return backend == "podman" || backend == kKubernetes;
}

/// Do its attempts run on machines of which the engine's is none? Then its CPUs and memory do not limit them.
inline bool runs_elsewhere(std::string_view backend) { return backend == kKubernetes; }

/// Attempts of a run at once, where nobody says: `here` of those on this machine.
inline std::uint32_t default_jobs(std::string_view backend, std::uint32_t here) {
  constexpr std::uint32_t kInCluster = 100;  // what does not fit waits in its scheduler
  return runs_elsewhere(backend) ? std::max(here, kInCluster) : here;
}

}  // namespace scanflow::backend
