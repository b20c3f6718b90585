// The images of Pods, as the environment says: SCANFLOW_SIDECAR_IMAGE, SCANFLOW_WORKER_IMAGE, SCANFLOW_COMMAND_IMAGE.
#pragma once

#include "engine/backend/pod_request.hpp"

namespace scanflow::runtime {

/// `here`: on this machine they are what ./dev images has built; a cluster has them from a registry.
backend::Images pod_images(bool here);

}  // namespace scanflow::runtime
