// Whether a machine can run Pods, point by point, and what to do about what it lacks. Pure.
#pragma once

#include <string>
#include <vector>

#include "engine/podman/facts.hpp"
#include "engine/podman/failure.hpp"
#include "sdk/base/finding.hpp"

namespace scanflow::podman {

/// In the order in which people would look: podman, runtime, rlimits, pause image, cgroups, network, storage, images.
/// `images`: names that should be here.
std::vector<Finding> findings(const Facts& facts, const Settings& settings,
                              const std::vector<std::string>& images);

/// Which limits of a Pod are not kept, and why; empty: all are.
std::string no_limits(const Settings& settings);

/// Of a podman that could not be asked at all.
Finding finding(const Failure& failure);

}  // namespace scanflow::podman
