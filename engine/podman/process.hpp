// Runs podman once. Blocks; of any thread.
#pragma once

#include "engine/podman/failure.hpp"
#include "engine/worker/run_program.hpp"

namespace scanflow::podman {

using worker::Ended;
using worker::environment_with;
using worker::find_program;
using worker::Invocation;

/// As worker::run_program(); an absent one with how podman is installed.
Answer<Ended> run(const Invocation& command, const std::stop_token& stop = {});

}  // namespace scanflow::podman
