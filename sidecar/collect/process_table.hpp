// Which processes belong to which workload.
//
// A process is a workload's if its session or process group is led by the workload's root, or if an
// ancestor is the workload's; once found it stays so, also after its parents have ended. All of
// /proc is listed for that, for all workloads at once, but only when the kernel's last pid has moved
// (/proc/loadavg: nobody has forked otherwise), and `stat` is read of new numbers only: in a quiet
// Pod a sample costs one small file. /proc/PID/task/*/children, the other way, costs a file for each
// thread (a libtorch process has dozens), is missing in some kernels, and loses whatever was
// adopted. Missed is only who was forked by an intermediate, left session and group, and lost its
// parents between two scans.
#pragma once

#include <dirent.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sidecar/collect/files.hpp"
#include "sidecar/collect/notes.hpp"

namespace scanflow::collect {

class ProcessTable {
 public:
  struct Found {
    pid_t pid;
    std::uint64_t started_ticks;
    std::uint32_t owner;
  };

  /// `proc`: where procfs is mounted.
  explicit ProcessTable(const std::string& proc);

  /// Owners are the caller's numbers. A root may lie below another's: it is then its own.
  void follow(std::uint32_t owner, pid_t root);
  void unfollow(std::uint32_t owner);
  /// The caller has seen that it ended: its number may come again.
  void forget(pid_t pid);

  /// Looks for new ones; the answer is valid until the next call.
  const std::vector<Found>& refresh(FileBuffer& buffer, Notes& notes);
  /// Whose it is, as of the last refresh.
  std::optional<std::uint32_t> owner_of(pid_t pid) const;
  /// How often all of /proc was listed.
  std::uint64_t scans() const { return scans_; }
  const Directory& proc() const { return proc_; }

 private:
  static constexpr std::uint32_t kNobody = UINT32_MAX;
  static constexpr int kRereadEvery = 30;  // refreshes; for those who change session unseen
  struct Entry {
    pid_t pid = 0, parent = 0, group = 0, session = 0;
    std::uint64_t started_ticks = 0;
    std::uint32_t owner = kNobody;
    bool is_new = false;
  };
  struct Root {
    pid_t pid;
    std::uint32_t owner;
  };

  bool anyone_forked(FileBuffer& buffer);
  bool list(Notes& notes);
  void read_entries(FileBuffer& buffer, bool all);
  std::uint32_t resolve(const Entry& entry) const;
  std::uint32_t led_by(const Entry& entry) const;
  const Entry* find(pid_t pid) const;

  Directory proc_;
  std::unique_ptr<DIR, int (*)(DIR*)> listing_;
  std::vector<Root> roots_;
  std::vector<Entry> entries_;  // by pid
  std::vector<Entry> next_;     // of the scan in progress; kept for its memory
  std::vector<pid_t> pids_;
  std::vector<Found> found_;
  std::uint64_t last_pid_ = 0;
  std::uint64_t scans_ = 0;
  int until_reread_ = 0;
};

}  // namespace scanflow::collect
