// Keeps attempts within their memory limits: by a cgroup each where this process may make them,
// else by looking at the resident memory of the attempt's processes ten times a second.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/worker/attempt.hpp"
#include "engine/worker/loop.hpp"

namespace scanflow::worker {

class MemoryGuard {
 public:
  enum class How {
    cgroup,  // where that is possible
    watch,   // never by cgroup
    pod,  // the container's cgroup limits them, and the kernel kills in it; they are watched besides
  };
  /// watched: the attempts that are watched now. exceeded: one went over its limit.
  MemoryGuard(Loop& loop, How how, std::function<std::vector<Attempt*>()> watched,
              std::function<void(Attempt&)> exceeded);

  /// Before the attempt's process starts: makes its cgroup, or has it watched. Returns the file
  /// through which the process enters the cgroup; empty: watched, or no limit.
  std::string begin(Attempt& attempt, const std::string& hash);
  /// After it ended: was it the limit, what was the peak; removes the cgroup.
  void end(Attempt& attempt);

 private:
  void arm();
  void look();
  void remove(const Cgroup& cgroup, int tries);

  Loop& loop_;
  const How how_;
  std::optional<Cgroup> container_;  // in a Pod
  std::function<std::vector<Attempt*>()> watched_;
  std::function<void(Attempt&)> exceeded_;
  bool searched_ = false;
  std::optional<CgroupRoot> root_;
  bool armed_ = false;
};

}  // namespace scanflow::worker
