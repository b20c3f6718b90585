// What this machine has for attempts, or the cgroup that this process lives in.
#pragma once

#include <string>

#include "engine/run/scheduler.hpp"
#include "engine/runtime/submission.hpp"

namespace scanflow::runtime {

/// CPUs: those that this process may use, at most the cgroup's quota. Memory: the machine's, at
/// most the cgroup's limit. 0 where it cannot be known. `proc` and `sys`: where these are mounted.
run::Capacity machine_capacity(const std::string& proc = "/proc",
                               const std::string& sys = "/sys/fs/cgroup");

/// What limits a step of such a run: its `jobs`; and the machine, where attempts run on it.
run::Capacity capacity_for(const RunOptions& options, const run::Capacity& machine);

}  // namespace scanflow::runtime
