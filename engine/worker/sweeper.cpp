#include "engine/worker/sweeper.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

#include "sdk/base/clock.hpp"

namespace scanflow::worker {
namespace {

constexpr std::int64_t kDelayUs = 20'000;
constexpr std::int64_t kMaxShare = 20;  // at most one twentieth of a core goes into sweeping
constexpr int kLastSweeps = 50;
constexpr unsigned int kLastPauseUs = 2'000;

}  // namespace

void kill_leftovers(const std::string& slots) {
  for (int i = 0; i < kLastSweeps; ++i) {
    if (i > 0) ::usleep(kLastPauseUs);
    bool found = false;
    for (const Process& process : all_processes()) {
      if (process.state == 'Z' || process.pid == ::getpid()) continue;
      if (!environment_of(process.pid, "SCANFLOW_SLOT").starts_with(slots + "/")) continue;
      found = true;
      ::kill(process.pid, SIGKILL);
    }
    if (!found) return;
  }
}

Sweeper::Sweeper(Loop& loop, std::function<bool(pid_t)> leads, std::function<bool(pid_t)> ours)
    : loop_(loop), leads_(std::move(leads)), ours_(std::move(ours)) {}

std::uint64_t Sweeper::spawned(pid_t pid) {
  if (pid != newest_ + 1) ++foreign_;
  newest_ = pid;
  return foreign_;
}

std::uint64_t Sweeper::foreign_forks() {
  const pid_t last = last_pid();
  if (last != newest_ || last == 0) ++foreign_;
  newest_ = last;
  return foreign_;
}

void Sweeper::add(const protocol::AttemptId& id, pid_t session) {
  ended_.push_back({id, session});
  arm(kDelayUs);
}

void Sweeper::arm(std::int64_t delay_us) {
  if (armed_) return;
  armed_ = true;
  loop_.after(std::max(delay_us, cost_us_ * kMaxShare), [this] { sweep(); });
}

void Sweeper::kill(const protocol::AttemptId& id, pid_t session) {
  const std::vector<Process> all = all_processes();
  kill_members(all, families(all, {session}).front(), {id, session});
}

void Sweeper::sweep() {
  armed_ = false;
  const std::int64_t begin = monotonic_us();
  const std::vector<Process> all = all_processes();
  std::vector<pid_t> sessions;
  for (const Ended& ended : ended_) sessions.push_back(ended.session);
  const auto members = families(all, sessions);

  // What was found had perhaps started others, which are orphans of this process next: look again.
  const bool strangers = kill_strangers(all);
  std::vector<Ended> again;
  for (std::size_t i = 0; i < ended_.size(); ++i) {
    if (kill_members(all, members[i], ended_[i]) || strangers) again.push_back(ended_[i]);
  }
  ended_ = std::move(again);
  cost_us_ = monotonic_us() - begin;
  if (!ended_.empty()) arm(kDelayUs);
}

void Sweeper::finish() {
  for (int i = 0; i < kLastSweeps && !ended_.empty(); ++i) {
    if (i > 0) ::usleep(kLastPauseUs);
    sweep();
  }
}

bool Sweeper::is_orphan(const Process& process) const {
  return process.parent == ::getpid() && process.state != 'Z' && !leads_(process.pid) &&
         !ours_(process.pid);
}

/// False: there was nothing.
bool Sweeper::kill_members(const std::vector<Process>& all, const std::vector<Process>& members,
                           const Ended& ended) const {
  const auto belongs = [&](pid_t pid) {
    return environment_of(pid, "SCANFLOW_RUN") == ended.id.run &&
           environment_of(pid, "SCANFLOW_STEP") == ended.id.step &&
           environment_of(pid, "SCANFLOW_ATTEMPT") == std::to_string(ended.id.attempt);
  };
  for (const Process& process : members) ::kill(process.pid, SIGKILL);
  bool found = !members.empty();
  for (const Process& process : all) {
    if (!is_orphan(process) || !belongs(process.pid)) continue;
    found = true;
    ::kill(process.pid, SIGKILL);
  }
  return found;
}

/// Orphans that do not say whose they are (they were started without an environment, or have
/// written over it): killed once no attempt runs that can have started them.
bool Sweeper::kill_strangers(const std::vector<Process>& all) {
  bool found = false;
  for (const Process& orphan : all) {
    if (!is_orphan(orphan) || !environment_of(orphan.pid, "SCANFLOW_RUN").empty()) continue;
    const bool claimed = std::any_of(all.begin(), all.end(), [&](const Process& process) {
      return leads_(process.pid) && process.started <= orphan.started;
    });
    if (claimed) {
      ++foreign_;  // whichever attempt ends next is followed by a look
      continue;
    }
    found = true;
    ::kill(orphan.pid, SIGKILL);
  }
  return found;
}

}  // namespace scanflow::worker
