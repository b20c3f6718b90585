#include "engine/runtime/pod_images.hpp"

#include <fmt/format.h>

#include "engine/runtime/cluster.hpp"

namespace scanflow::runtime {
namespace {

std::string pod_image(const char* name, const char* kind, bool here) {
  return variable(name, here ? fmt::format("localhost/scanflow-{}:latest", kind)
                             : fmt::format("scanflow-{}:{}", kind, SCANFLOW_VERSION));
}

}  // namespace

backend::Images pod_images(bool here) {
  return {pod_image("SCANFLOW_SIDECAR_IMAGE", "sidecar", here),
          pod_image("SCANFLOW_WORKER_IMAGE", "worker", here),
          pod_image("SCANFLOW_COMMAND_IMAGE", "python", here)};
}

}  // namespace scanflow::runtime
