// How many processes a container may have: `kube play` of podman 4.3 reads none from a manifest, and not
// pids_limit of containers.conf either, so it is written into the container's cgroup.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "sdk/base/result.hpp"

namespace scanflow::podman {

inline constexpr const char* kCgroups = "/sys/fs/cgroup";

/// `cgroup`: as podman names a container's ("/libpod_parent/..."). Threads count, too. One that is gone: done.
Result<void> limit_processes(const std::string& cgroup, int version, std::uint64_t most,
                             const std::filesystem::path& root = kCgroups);

}  // namespace scanflow::podman
