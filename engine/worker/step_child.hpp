// One attempt of a plugin, in the process that the warm parent forked for it.
#pragma once

#include "engine/worker/unique_fd.hpp"
#include "sdk/loader/library.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::worker {

/// Runs the attempt and says its result over `socket`. Leads a session of its own; its output goes
/// to the slot's log segment, its working directory is the slot's scratch. Kills itself and its
/// session when the supervisor is gone.
[[noreturn]] void run_step_child(const loader::Library& library, const protocol::Spawn& spawn,
                                 UniqueFd socket);

}  // namespace scanflow::worker
