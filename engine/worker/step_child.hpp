// One attempt of a plugin, in a process that the warm parent forked before anybody knew what for.
#pragma once

#include "engine/worker/open_mp.hpp"
#include "sdk/base/unique_fd.hpp"
#include "sdk/loader/library.hpp"

namespace scanflow::worker {

/// Leads a session of its own. Waits at `socket` for Spawn, runs that attempt, and says its result;
/// ends at once where the supervisor closes the socket instead. Kills itself and its session when
/// the supervisor goes while the attempt runs.
[[noreturn]] void run_step_child(const loader::Library& library, const OpenMp& open_mp,
                                 UniqueFd socket);

}  // namespace scanflow::worker
