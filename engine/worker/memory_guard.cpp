#include "engine/worker/memory_guard.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/worker/note.hpp"
#include "engine/worker/processes.hpp"

namespace scanflow::worker {
namespace {

constexpr std::int64_t kLookUs = 100'000;

}  // namespace

MemoryGuard::MemoryGuard(Loop& loop, How how, std::function<std::vector<Attempt*>()> watched,
                         std::function<void(Attempt&)> exceeded)
    : loop_(loop),
      how_(how),
      container_(how == How::pod ? container_cgroup() : std::nullopt),
      watched_(std::move(watched)),
      exceeded_(std::move(exceeded)) {}

std::string MemoryGuard::begin(Attempt& attempt, const std::string& hash) {
  const std::uint64_t limit = attempt.request.memory_limit;
  if (container_) {
    attempt.container_oom_kills = container_->oom_kills();
    return {};  // the kernel counts what processes share once
  }
  if (limit == 0) return {};
  if (!searched_ && how_ == How::cgroup) {
    searched_ = true;
    if (auto root = CgroupRoot::find()) {
      root_ = std::move(*root);
    } else {
      note(fmt::format("memory is watched, not limited by cgroup: {}", root.error().message));
    }
  }
  if (root_) {
    if (auto cgroup = root_->create(cgroup_name(hash), limit)) {
      attempt.cgroup = std::move(*cgroup);
      return attempt.cgroup->procs();
    }
  }
  attempt.watched = true;
  arm();
  return {};
}

void MemoryGuard::end(Attempt& attempt) {
  attempt.watched = false;
  if (container_ && container_->oom_kills() > attempt.container_oom_kills)
    attempt.out_of_memory = true;
  if (!attempt.cgroup) return;
  if (attempt.cgroup->oom_kills() > 0) attempt.out_of_memory = true;
  attempt.memory_peak = attempt.cgroup->peak();
  remove(*attempt.cgroup, 50);
  attempt.cgroup.reset();
}

void MemoryGuard::remove(const Cgroup& cgroup, int tries) {
  // A process that was killed leaves its cgroup a moment later.
  if (cgroup.remove() || tries == 0) return;
  loop_.after(20'000, [this, cgroup, tries] { remove(cgroup, tries - 1); });
}

void MemoryGuard::arm() {
  if (armed_) return;
  armed_ = true;
  loop_.after(kLookUs, [this] { look(); });
}

void MemoryGuard::look() {
  armed_ = false;
  const std::vector<Attempt*> attempts = watched_();
  if (attempts.empty()) return;
  std::vector<pid_t> leaders;
  leaders.reserve(attempts.size());
  for (const Attempt* attempt : attempts) leaders.push_back(attempt->pid);
  const auto members = families(all_processes(), leaders);
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    Attempt& attempt = *attempts[i];
    std::uint64_t total = 0;
    for (const Process& process : members[i]) total += process.rss;
    attempt.memory_peak = std::max(attempt.memory_peak, total);
    if (total <= attempt.request.memory_limit || attempt.out_of_memory) continue;
    attempt.out_of_memory = true;
    exceeded_(attempt);
  }
  arm();
}

}  // namespace scanflow::worker
