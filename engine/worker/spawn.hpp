// Starts a program in a session of its own. Costs what vfork and exec cost: the child shares the
// parent's memory until it has become the program.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sdk/base/result.hpp"

namespace scanflow::worker {

struct Program {
  std::string file;               // absolute path
  std::vector<std::string> argv;  // argv[0] too
  std::vector<std::string> env;   // NAME=value, the whole environment
  std::string cwd;                // absolute; empty: the parent's
  int stdin_fd = -1;              // each above 2
  int stdout_fd = -1;
  int stderr_fd = -1;
  int extra_fd = -1;              // becomes descriptor 3; -1: none
  std::string cgroup;             // a cgroup.procs file to enter before exec; empty: none
  rlimit open_files{};            // RLIMIT_NOFILE; zero: the parent's
  bool dies_with_parent = false;  // SIGKILL when the calling thread ends
};

struct SpawnFailure {
  std::string message;
  bool transient = false;  // the machine's, not the program's: may pass
};

/// Leader of a new session and process group, with default signal dispositions as the caller has
/// them and no signal blocked. Errors say which of chdir, cgroup and exec failed, and why; the
/// child is reaped then.
tl::expected<pid_t, SpawnFailure> spawn(const Program& program);

/// Finds programs, and remembers what it found on a PATH, as shells do: a look into ten directories
/// costs a tenth of a short step.
class ProgramFinder {
 public:
  /// The file that `name` means: itself where it has a slash (relative to `cwd`), else the first
  /// executable on `path` (as in PATH). Errors are for the user.
  Result<std::string> find(const std::string& name, const std::string& path,
                           const std::string& cwd);

 private:
  std::map<std::pair<std::string, std::string>, std::string> found_;  // (name, path) -> file
};

}  // namespace scanflow::worker
