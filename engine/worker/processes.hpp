// What /proc tells about processes.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace scanflow::worker {

struct Process {
  pid_t pid = 0;
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  char state = '?';
  std::uint64_t started = 0;  // clock ticks since the machine's start
  std::uint64_t rss = 0;      // bytes
};

/// One line of /proc/PID/stat.
std::optional<Process> parse_stat(std::string_view line);

/// All that this process may see. Those that end meanwhile are left out.
std::vector<Process> all_processes();

/// Members of the sessions of `leaders` and their descendants; index i of the answer belongs to
/// leaders[i]. Zombies are left out.
std::vector<std::vector<Process>> families(const std::vector<Process>& all,
                                           const std::vector<pid_t>& leaders);

/// The value of a variable in the environment a process was started with; empty where unknown.
std::string environment_of(pid_t pid, std::string_view name);

/// Time on processors, microseconds: the program's and the kernel's for it.
std::int64_t cpu_us_of(const rusage& usage);

/// The number last given to a process on this machine: where it has not moved but for our own
/// spawns, nobody else has forked. 0 where unknown.
pid_t last_pid();

}  // namespace scanflow::worker
