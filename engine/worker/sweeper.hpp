// Finds what escaped from an attempt: processes in a session or group of their own (daemons, job
// control), which killing the attempt's group does not reach.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/worker/loop.hpp"
#include "engine/worker/processes.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::worker {

/// Kills what attempts in the slots below this directory have left behind, of a supervisor that was
/// killed: before others run there. Waits a moment for them to be gone.
void kill_leftovers(const std::string& slots);

class Sweeper {
 public:
  /// leads: is the process the leader of an attempt that runs? ours: is it another child of this
  /// process that must live (a warm parent, a spare, the sidecar, a hook)?
  Sweeper(Loop& loop, std::function<bool(pid_t)> leads, std::function<bool(pid_t)> ours);

  /// This process has started a child. The count of foreign forks up to now.
  std::uint64_t spawned(pid_t pid);
  /// Counts what others forked meanwhile: equal at the start and the end of an attempt means that
  /// the attempt cannot have forked, and needs no sweep. Costs one small read of /proc.
  std::uint64_t foreign_forks();

  /// Kills what is found of the attempt now.
  void kill(const protocol::AttemptId& id, pid_t session);
  /// The attempt has ended: kills what is left of it, soon. Looking through /proc costs
  /// milliseconds on a busy machine, so that one look serves all attempts that ended meanwhile.
  void add(const protocol::AttemptId& id, pid_t session);
  /// Does so now, until nothing is found any more or a moment has passed: before this process ends,
  /// since nobody would look for it then.
  void finish();

 private:
  struct Ended {
    protocol::AttemptId id;
    pid_t session = 0;
  };

  void arm(std::int64_t delay_us);
  void sweep();
  bool kill_members(const std::vector<Process>& all, const std::vector<Process>& members,
                    const Ended& ended) const;
  bool kill_strangers(const std::vector<Process>& all);
  bool is_orphan(const Process& process) const;

  Loop& loop_;
  std::function<bool(pid_t)> leads_;
  std::function<bool(pid_t)> ours_;
  pid_t newest_ = 0;
  std::uint64_t foreign_ = 0;
  std::vector<Ended> ended_;
  bool armed_ = false;
  std::int64_t cost_us_ = 0;  // of the last sweep
};

}  // namespace scanflow::worker
