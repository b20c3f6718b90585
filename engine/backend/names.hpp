// What `--backend` takes.
#pragma once

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

}  // namespace scanflow::backend
