// One process, by its files in /proc (Linux: Documentation/filesystems/proc.rst).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "sidecar/collect/files.hpp"
#include "sidecar/collect/notes.hpp"

namespace scanflow::collect {

/// /proc/PID/stat. Times in clock ticks (sysconf(_SC_CLK_TCK)); with children: those that it has
/// waited for, and theirs.
struct ProcessStat {
  char state = '?';  // R S D T t Z X I
  pid_t pid = 0;
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  std::uint64_t major_faults = 0;  // with children
  std::uint64_t user_ticks = 0;    // with children
  std::uint64_t system_ticks = 0;  // with children
  std::uint64_t threads = 0;
  std::uint64_t started_ticks = 0;  // after the machine's start: with the pid it names a process
  std::uint64_t resident_pages = 0;
};

std::optional<ProcessStat> parse_stat(std::string_view text);

/// /proc/PID/status
struct ProcessStatus {
  std::uint64_t switches_voluntary = 0;
  std::uint64_t switches_involuntary = 0;
  std::uint64_t swap_bytes = 0;
};
std::optional<ProcessStatus> parse_status(std::string_view text);

/// /proc/PID/io; with children that were waited for
struct ProcessIo {
  std::uint64_t read_bytes = 0;
  std::uint64_t write_bytes = 0;
};
std::optional<ProcessIo> parse_io(std::string_view text);

/// /proc/PID/smaps_rollup; bytes
struct ProcessRollup {
  std::uint64_t proportional = 0;
  std::uint64_t private_dirty = 0;
};
std::optional<ProcessRollup> parse_rollup(std::string_view text);

/// The number of entries of /proc/PID/fd: by the directory's size where the kernel tells (6.2 and
/// later), else counted. Below 0: -errno.
std::int64_t count_fds(const Directory& process);

}  // namespace scanflow::collect
