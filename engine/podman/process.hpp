// Runs podman once. Blocks; of any thread.
#pragma once

#include "engine/podman/failure.hpp"
#include "engine/worker/run_program.hpp"

namespace scanflow::podman {

using worker::Command;
using worker::Ended;
using worker::environment_with;
using worker::find_program;

/// As worker::run_program(); an absent one with how podman is installed.
Answer<Ended> run(const Command& command, const std::stop_token& stop = {});

}  // namespace scanflow::podman
