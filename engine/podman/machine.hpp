// Gathers the facts of this machine: asks podman, and looks itself.
#pragma once

#include <stop_token>
#include <string>

#include "engine/podman/facts.hpp"
#include "engine/podman/failure.hpp"

namespace scanflow::podman {

/// Blocks for podman's answer (0.1 s). Failures: podman is absent, or cannot say anything.
Answer<Facts> look(const std::string& program, const std::stop_token& stop = {});

}  // namespace scanflow::podman
