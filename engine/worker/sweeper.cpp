#include "engine/worker/sweeper.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "sdk/base/clock.hpp"

namespace scanflow::worker {
namespace {

constexpr std::int64_t kDelayUs = 20'000;
constexpr std::int64_t kMaxShare = 20;  // at most one twentieth of a core goes into sweeping

}  // namespace

Sweeper::Sweeper(Loop& loop, std::function<bool(pid_t)> ours)
    : loop_(loop), ours_(std::move(ours)) {}

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

bool Sweeper::belongs(const Process& orphan, const Ended& ended) const {
  return environment_of(orphan.pid, "SCANFLOW_RUN") == ended.id.run &&
         environment_of(orphan.pid, "SCANFLOW_STEP") == ended.id.step &&
         environment_of(orphan.pid, "SCANFLOW_ATTEMPT") == std::to_string(ended.id.attempt);
}

void Sweeper::sweep() {
  armed_ = false;
  const std::int64_t begin = monotonic_us();
  const std::vector<Process> all = all_processes();
  std::vector<pid_t> sessions;
  for (const Ended& ended : ended_) sessions.push_back(ended.session);
  const auto members = families(all, sessions);

  std::vector<Ended> again;
  const pid_t self = ::getpid();
  for (std::size_t i = 0; i < ended_.size(); ++i) {
    bool found = false;
    for (const Process& process : members[i]) {
      found = true;
      ::kill(process.pid, SIGKILL);
    }
    for (const Process& process : all) {
      if (process.parent != self || process.state == 'Z' || ours_(process.pid)) continue;
      if (!belongs(process, ended_[i])) continue;
      found = true;
      ::kill(process.pid, SIGKILL);
    }
    // What it had started is an orphan of this process next: look again.
    if (found) again.push_back(ended_[i]);
  }
  ended_ = std::move(again);
  cost_us_ = monotonic_us() - begin;
  if (!ended_.empty()) arm(kDelayUs);
}

}  // namespace scanflow::worker
