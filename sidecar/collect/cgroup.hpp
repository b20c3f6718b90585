// The cgroup that a process lies in: memory, CPU, pressure, events (Linux:
// Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst, accounting/psi.rst).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sidecar/collect/cgroup_place.hpp"
#include "sidecar/collect/files.hpp"
#include "sidecar/collect/metrics.hpp"
#include "sidecar/collect/notes.hpp"

namespace scanflow::collect {

/// Looked for first through /proc/PID/root, as the process itself sees it (private cgroup
/// namespaces; needs its UID and GID), else in this process's own mounts. A directory is taken only
/// if cgroup.procs names the process. The hierarchy's true root tells about the whole machine, so
/// it counts as none. Keeps the directories open, so that events can still be read after the
/// process has ended, as long as the cgroup is there.
class CgroupReader {
 public:
  /// `proc`: where procfs is mounted; `root`: before the paths of this process's own mounts (not
  /// empty in tests only).
  static CgroupReader open(const std::string& proc, const std::string& root, pid_t pid,
                           FileBuffer& buffer, Notes& notes);
  CgroupReader() = default;

  /// All but limits.
  void read(FileBuffer& buffer, Notes& notes, Values& values) const;
  /// Limits: these walk up, and change rarely.
  void read_limits(FileBuffer& buffer, Notes& notes, Values& values) const;

  /// How memory is read: 0 (not), 1 or 2.
  int version() const { return memory_version_; }
  /// For people, and for tests: where memory is read from.
  const std::string& memory_path() const { return memory_.path; }
  /// The directory whose cgroup.procs lists the workload.
  const Directory& members() const;
  /// Does the other one read the same files? Two that have found none do not.
  bool reads_as(const CgroupReader& other) const;
  bool found() const { return unified_.directory || memory_.directory || cpu_.directory; }

 private:
  struct Hierarchy {
    Directory directory;
    std::string path;
    std::pair<std::uint64_t, std::uint64_t> identity;  // of the directory
    int levels = 0;                                    // of directories above it that can be seen
  };
  static Hierarchy enter(const std::string& prefix, const std::vector<CgroupPlace>& places,
                         pid_t pid, FileBuffer& buffer);
  bool take(const std::string& prefix, const CgroupPlaces& places, pid_t pid, FileBuffer& buffer);
  std::optional<double> lowest_limit(FileBuffer& buffer, Notes& notes) const;
  void read_memory(FileBuffer& buffer, Notes& notes, Values& values) const;
  void read_events(FileBuffer& buffer, Notes& notes, Values& values) const;
  void read_cpu(FileBuffer& buffer, Notes& notes, Values& values) const;
  void read_pressure(FileBuffer& buffer, Notes& notes, Values& values) const;

  Hierarchy unified_;
  Hierarchy memory_;   // v2: the same directory as unified_
  Hierarchy cpu_;      // v1
  Hierarchy cpuacct_;  // v1
  int memory_version_ = 0;
};

/// memory.pressure and the like: "some avg10=0.12 avg60=... total=5" (percent; microseconds).
struct Pressure {
  double avg10 = 0;  // 0 to 1
  double total_s = 0;
};
std::optional<Pressure> parse_pressure(std::string_view text, std::string_view kind);

}  // namespace scanflow::collect
