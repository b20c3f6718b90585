#include "sidecar/collect/process_group.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "sidecar/collect/text.hpp"

namespace scanflow::collect {

using M = Metric;

namespace {

/// A file is missing also where the kernel does not make it: the process's `stat` decides.
bool has_ended(const Directory& process, int error) {
  return is_gone(error) && ::faccessat(process.fd(), "stat", F_OK, 0) != 0;
}

}  // namespace

/// Absent: one of the processes would not tell, so the sum would mislead.
struct ProcessGroup::Sums {
  ProcessStat stat;
  std::array<int, 128> states{};
  std::optional<ProcessStatus> status = ProcessStatus{};
  std::optional<ProcessIo> io = ProcessIo{};
  std::optional<std::uint64_t> fds = 0;
};

void ProcessGroup::add(const Directory& proc, const ProcessTable::Found& found,
                       FileBuffer& buffer) {
  Directory directory = Directory::open(proc, fmt::format("{}", found.pid).c_str());
  const Text text = buffer.read(directory, "stat");
  const auto stat = text ? parse_stat(text.text) : std::nullopt;
  if (stat && stat->started_ticks == found.started_ticks) {
    members_.push_back({found.pid, std::move(directory)});
  }
}

std::vector<pid_t> ProcessGroup::outside(pid_t group) const {
  std::vector<pid_t> pids;
  for (const Member& member : members_) {
    // A number that was given anew has another directory.
    const bool lives = ::faccessat(member.directory.fd(), "stat", F_OK, 0) == 0;
    if (const pid_t its = lives ? ::getpgid(member.pid) : -1; its > 0 && its != group)
      pids.push_back(member.pid);
  }
  return pids;
}

bool ProcessGroup::read_member(Member& member, FileBuffer& buffer, Notes& notes, Sums& sums) const {
  const auto failed = [&](Source source, const char* name, int error) {
    if (has_ended(member.directory, error)) return false;
    notes.unreadable(source, name, error);
    return true;
  };
  const Text text = buffer.read(member.directory, "stat");
  member.gone = is_gone(text.error);
  if (!text) {
    failed(Source::stat, "stat", text.error);
    return false;
  }
  const auto stat = parse_stat(text.text);
  if (!stat) {
    notes.odd(Source::stat, "stat");
    return false;
  }
  ++sums.states[static_cast<unsigned char>(stat->state) & 127U];
  sums.stat.user_ticks += stat->user_ticks;
  sums.stat.system_ticks += stat->system_ticks;
  sums.stat.major_faults += stat->major_faults;
  sums.stat.threads += stat->threads;
  sums.stat.resident_pages += stat->resident_pages;

  if (const Text status = buffer.read(member.directory, "status")) {
    const auto parsed = parse_status(status.text);
    if (!parsed) notes.odd(Source::status, "status");
    if (!parsed) sums.status.reset();
    if (parsed && sums.status) {
      sums.status->switches_voluntary += parsed->switches_voluntary;
      sums.status->switches_involuntary += parsed->switches_involuntary;
      sums.status->swap_bytes += parsed->swap_bytes;
    }
  } else if (failed(Source::status, "status", status.error)) {
    sums.status.reset();
  }
  if (stat->state == 'Z') return true;  // it has no descriptors, and its io is its parent's soon
  if (const Text io = buffer.read(member.directory, "io")) {
    const auto parsed = parse_io(io.text);
    if (!parsed) notes.odd(Source::io, "io");
    if (!parsed) sums.io.reset();
    if (parsed && sums.io) {
      sums.io->read_bytes += parsed->read_bytes;
      sums.io->write_bytes += parsed->write_bytes;
    }
  } else if (failed(Source::io, "io", io.error)) {
    sums.io.reset();
  }
  const std::int64_t fds = count_fds(member.directory);
  if (fds >= 0) {
    if (sums.fds) *sums.fds += static_cast<std::uint64_t>(fds);
  } else if (failed(Source::open_fds, "fd", static_cast<int>(-fds))) {
    sums.fds.reset();
  }
  return true;
}

void ProcessGroup::read(ProcessTable& table, FileBuffer& buffer, Notes& notes, Values& values) {
  Sums sums;
  std::size_t known = 0;
  for (Member& member : members_) {
    if (read_member(member, buffer, notes, sums)) ++known;
    if (member.gone) table.forget(member.pid);
  }
  std::erase_if(members_, [](const Member& member) { return member.gone; });
  values.set(M::processes, static_cast<double>(members_.size()));
  if (known == members_.size()) publish(sums, values);
}

void ProcessGroup::publish(const Sums& sums, Values& values) {
  static const auto kTick = 1 / static_cast<double>(::sysconf(_SC_CLK_TCK));
  static const auto kPage = static_cast<double>(::sysconf(_SC_PAGESIZE));
  const auto set = [&](Metric metric, auto value) {
    values.set(metric, static_cast<double>(value));
  };
  const auto count = [&](Metric metric, Counter& counter, std::uint64_t sum, double unit = 1) {
    values.set(metric, counter.feed(static_cast<double>(sum)) * unit);
  };
  set(M::processes_running, sums.states['R']);
  set(M::processes_blocked, sums.states['D']);
  set(M::processes_stopped, sums.states['T'] + sums.states['t']);
  set(M::processes_zombie, sums.states['Z']);
  count(M::cpu_user_seconds, user_, sums.stat.user_ticks, kTick);
  count(M::cpu_system_seconds, system_, sums.stat.system_ticks, kTick);
  count(M::major_faults, faults_, sums.stat.major_faults);
  set(M::resident, static_cast<double>(sums.stat.resident_pages) * kPage);
  set(M::threads, sums.stat.threads);
  if (sums.status) {
    count(M::switches_voluntary, voluntary_, sums.status->switches_voluntary);
    count(M::switches_involuntary, involuntary_, sums.status->switches_involuntary);
    set(M::swapped, sums.status->swap_bytes);
  }
  if (sums.io) {
    count(M::read_bytes, read_, sums.io->read_bytes);
    count(M::write_bytes, written_, sums.io->write_bytes);
  }
  if (sums.fds) set(M::open_fds, *sums.fds);
}

void ProcessGroup::read_oom_score(FileBuffer& buffer, Notes& notes, Values& values) const {
  std::optional<double> highest;
  for (const Member& member : members_) {
    const Text text = buffer.read(member.directory, "oom_score");
    if (!text && !has_ended(member.directory, text.error)) {
      notes.unreadable(Source::oom_score, "oom_score", text.error);
    }
    std::string_view rest = text.text;
    const auto score = take_number<double>(rest);
    if (text && !score) notes.odd(Source::oom_score, "oom_score");
    if (score) highest = std::max(highest.value_or(0), *score);
  }
  values.set(M::oom_score, highest);
}

void ProcessGroup::read_rollup(FileBuffer& buffer, Notes& notes, Values& values) const {
  ProcessRollup sum;
  bool any = false;
  for (const Member& member : members_) {
    const Text text = buffer.read(member.directory, "smaps_rollup");
    if (!text) {
      // A zombie answers ESRCH: it has no memory.
      if (text.error == ESRCH || has_ended(member.directory, text.error)) continue;
      return notes.unreadable(Source::smaps_rollup, "smaps_rollup", text.error);
    }
    if (text.text.empty()) continue;
    const auto rollup = parse_rollup(text.text);
    if (!rollup) return notes.odd(Source::smaps_rollup, "smaps_rollup");
    any = true;
    sum.proportional += rollup->proportional;
    sum.private_dirty += rollup->private_dirty;
  }
  if (!any) return;
  values.set(M::proportional, static_cast<double>(sum.proportional));
  values.set(M::private_dirty, static_cast<double>(sum.private_dirty));
}

}  // namespace scanflow::collect
