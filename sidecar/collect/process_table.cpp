#include "sidecar/collect/process_table.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "sidecar/collect/process.hpp"
#include "sidecar/collect/text.hpp"

namespace scanflow::collect {

ProcessTable::ProcessTable(const std::string& proc)
    : proc_(Directory::open(proc.c_str())), listing_(::opendir(proc.c_str()), ::closedir) {}

void ProcessTable::follow(std::uint32_t owner, pid_t root) {
  roots_.push_back({root, owner});
  until_reread_ = 0;
  last_pid_ = 0;
  forget(root);  // it may have been another's
}

void ProcessTable::unfollow(std::uint32_t owner) {
  std::erase_if(roots_, [&](const Root& root) { return root.owner == owner; });
  std::erase_if(entries_, [&](const Entry& entry) { return entry.owner == owner; });
}

void ProcessTable::forget(pid_t pid) {
  std::erase_if(entries_, [&](const Entry& entry) { return entry.pid == pid; });
}

const ProcessTable::Entry* ProcessTable::find(pid_t pid) const {
  const auto at = std::lower_bound(entries_.begin(), entries_.end(), pid,
                                   [](const Entry& entry, pid_t p) { return entry.pid < p; });
  return at != entries_.end() && at->pid == pid ? &*at : nullptr;
}

std::optional<std::uint32_t> ProcessTable::owner_of(pid_t pid) const {
  const Entry* entry = find(pid);
  if (entry == nullptr || entry->owner == kNobody) return std::nullopt;
  return entry->owner;
}

/// True where that cannot be known.
bool ProcessTable::anyone_forked(FileBuffer& buffer) {
  const Text text = buffer.read(proc_, "loadavg");
  if (!text) return true;
  std::string_view line = text.text;
  line = take_line(line);
  const auto last = number_of(line.substr(line.rfind(' ') + 1));
  if (!last || *last == 0) return true;
  return std::exchange(last_pid_, *last) != *last;
}

bool ProcessTable::list(Notes& notes) {
  if (!listing_ || !proc_) {
    notes.unreadable(Source::processes, "the directory of processes", ENOENT);
    return false;
  }
  pids_.clear();
  ::rewinddir(listing_.get());
  while (const dirent* entry = ::readdir(listing_.get())) {
    const auto pid = number_of<pid_t>(entry->d_name);
    if (pid && *pid > 0) pids_.push_back(*pid);
  }
  std::sort(pids_.begin(), pids_.end());
  ++scans_;
  return true;
}

/// Known ones are taken over; those of nobody are read again where `all`.
void ProcessTable::read_entries(FileBuffer& buffer, bool all) {
  next_.clear();
  auto known = entries_.begin();
  std::array<char, 32> name{};
  for (const pid_t pid : pids_) {
    while (known != entries_.end() && known->pid < pid) ++known;
    const bool is_known = known != entries_.end() && known->pid == pid;
    if (is_known && (known->owner != kNobody || !all)) {
      next_.push_back(*known);
      continue;
    }
    *fmt::format_to_n(name.data(), name.size() - 1, "{}/stat", pid).out = '\0';
    const Text text = buffer.read(proc_, name.data());
    const auto stat = text ? parse_stat(text.text) : std::nullopt;
    if (!stat) continue;  // it ended meanwhile, or may not be seen
    next_.push_back({pid, stat->parent, stat->group, stat->session, stat->started_ticks, kNobody,
                     /*is_new=*/true});
  }
  entries_.swap(next_);
}

std::uint32_t ProcessTable::led_by(const Entry& entry) const {
  for (const Root& root : roots_) {
    if (entry.pid == root.pid) return root.owner;
  }
  for (const Root& root : roots_) {
    if (entry.session == root.pid || entry.group == root.pid) return root.owner;
  }
  return kNobody;
}

std::uint32_t ProcessTable::resolve(const Entry& entry) const {
  constexpr int kDeepest = 256;  // and an end where parents go round, in a listing that changed
  const Entry* at = &entry;
  for (int hops = 0; at != nullptr && hops < kDeepest; ++hops) {
    if (at->owner != kNobody) return at->owner;
    if (const std::uint32_t owner = led_by(*at); owner != kNobody) return owner;
    at = find(at->parent);
  }
  return kNobody;
}

const std::vector<ProcessTable::Found>& ProcessTable::refresh(FileBuffer& buffer, Notes& notes) {
  found_.clear();
  const bool forked = anyone_forked(buffer);
  const bool all = until_reread_-- <= 0;
  if (all) until_reread_ = kRereadEvery;
  if ((!forked && !all) || roots_.empty() || !list(notes)) return found_;
  read_entries(buffer, all);
  for (Entry& entry : entries_) {
    if (!entry.is_new) continue;
    entry.owner = resolve(entry);
    entry.is_new = false;
    if (entry.owner != kNobody) found_.push_back({entry.pid, entry.started_ticks, entry.owner});
  }
  return found_;
}

}  // namespace scanflow::collect
