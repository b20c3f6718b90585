// A memory cgroup per attempt, where this process may make them: v1, or v2 with delegation.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sdk/base/result.hpp"

namespace scanflow::worker {

/// Limits one attempt; the kernel kills what goes beyond. Removed with remove().
class Cgroup {
 public:
  Cgroup(int version, std::string directory)
      : version_(version), directory_(std::move(directory)) {}

  /// The file that a process writes "0" to in order to enter.
  std::string procs() const { return directory_ + "/cgroup.procs"; }
  /// How often the kernel killed something in it.
  std::uint64_t oom_kills() const;
  /// The most memory it had, in bytes; 0: unknown.
  std::uint64_t peak() const;
  /// False while something is still in it.
  bool remove() const;

 private:
  int version_;
  std::string directory_;
};

/// That of the container which this process is the only one in: as containers see their own. None where
/// this is none.
std::optional<Cgroup> container_cgroup();

/// Named after this process too, so that supervisors leave each other's alone.
std::string cgroup_name(const std::string& attempt);

/// The place for the cgroups: below the one that this process is in.
class CgroupRoot {
 public:
  /// Finds it by /proc/self/cgroup and mountinfo and tries it out. On v2 this moves the process
  /// into a leaf of its own, because a cgroup with processes may have no limited children. Errors
  /// say why memory must be watched instead.
  static scanflow::Result<CgroupRoot> find();

  CgroupRoot(int version, std::string directory)
      : version_(version), directory_(std::move(directory)) {}
  scanflow::Result<Cgroup> create(const std::string& name, std::uint64_t limit) const;
  /// Removes what an earlier supervisor left.
  void remove_leftovers() const;
  const std::string& directory() const { return directory_; }

 private:
  int version_;
  std::string directory_;
};

/// Where the memory controller's directory of the process lies, by the text of /proc/self/cgroup
/// and /proc/self/mountinfo.
struct CgroupPlace {
  int version = 0;
  std::string directory;
};
std::optional<CgroupPlace> place_of(std::string_view cgroups, std::string_view mounts);

}  // namespace scanflow::worker
