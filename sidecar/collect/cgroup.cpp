#include "sidecar/collect/cgroup.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "sidecar/collect/text.hpp"

namespace scanflow::collect {
namespace {

using M = Metric;

bool has_file(const Directory& directory, const char* name) {
  return ::faccessat(directory.fd(), name, F_OK, 0) == 0;
}

/// v1 has release_agent in its root only; v2 has cgroup.type everywhere but there.
bool is_true_root(const Directory& directory, bool unified) {
  return unified ? !has_file(directory, "cgroup.type") : has_file(directory, "release_agent");
}

/// True also where it cannot be read: a threaded cgroup refuses with EOPNOTSUPP.
bool lists(const Directory& directory, pid_t pid, FileBuffer& buffer) {
  const Text text = buffer.read(directory, "cgroup.procs");
  if (!text) return text.error == EOPNOTSUPP;
  std::string_view rest = text.text;
  while (!rest.empty()) {
    if (number_of<pid_t>(take_line(rest)) == pid) return true;
  }
  return text.text.size() > FileBuffer::kMost / 2;  // too many to tell
}

std::string read_copy(const std::string& path, FileBuffer& buffer, int& error) {
  const Text text = buffer.read(path.c_str());
  error = text.error;
  return std::string(text.text);
}

/// "max" and v1's largest number mean none.
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 60;

}  // namespace

CgroupReader::Hierarchy CgroupReader::enter(const std::string& prefix,
                                            const std::vector<CgroupPlace>& places, pid_t pid,
                                            FileBuffer& buffer) {
  for (const CgroupPlace& place : places) {
    Hierarchy found;
    found.path = prefix + place.point + place.below;
    found.directory = Directory::open(found.path.c_str());
    found.identity = found.directory.identity();
    if (!found.directory || !lists(found.directory, pid, buffer)) continue;
    found.levels = static_cast<int>(std::count(place.below.begin(), place.below.end(), '/'));
    return found;
  }
  return {};
}

bool CgroupReader::take(const std::string& prefix, const CgroupPlaces& places, pid_t pid,
                        FileBuffer& buffer) {
  const auto unless_root = [&](const std::vector<CgroupPlace>& hierarchy, bool unified) {
    Hierarchy found = enter(prefix, hierarchy, pid, buffer);
    if (found.directory && is_true_root(found.directory, unified)) return Hierarchy{};
    return found;
  };
  unified_ = unless_root(places.unified, true);
  memory_ = unless_root(places.memory, false);
  memory_version_ = memory_.directory ? 1 : 0;
  cpu_ = unless_root(places.cpu, false);
  cpuacct_ = unless_root(places.cpuacct, false);
  if (memory_version_ == 0 && unified_.directory && places.memory.empty() &&
      has_file(unified_.directory, "memory.current")) {
    memory_version_ = 2;
    memory_.path = unified_.path;
    memory_.identity = unified_.identity;
    memory_.levels = unified_.levels;
    memory_.directory = Directory::open(memory_.path.c_str());
  }
  return found();
}

CgroupReader CgroupReader::open(const std::string& proc, const std::string& root, pid_t pid,
                                FileBuffer& buffer, Notes& notes) {
  CgroupReader reader;
  int error = 0;
  const std::string process = fmt::format("{}/{}", proc, pid);
  const std::string cgroups = read_copy(process + "/cgroup", buffer, error);
  if (error != 0) {
    if (!is_gone(error)) notes.unreadable(Source::cgroup, "/proc/PID/cgroup", error);
    return reader;
  }
  const std::string mounts = read_copy(process + "/mountinfo", buffer, error);
  if (reader.take(process + "/root", places_of(cgroups, mounts), pid, buffer)) return reader;

  const std::string own = read_copy(proc + "/self/mountinfo", buffer, error);
  const CgroupPlaces places = places_of(cgroups, own);
  if (reader.take(root, places, pid, buffer)) return reader;
  notes.absent(Source::cgroup, places.any() ? "the workload lies in the machine's root cgroup, or "
                                              "its cgroup cannot be reached"
                                            : "no mount shows the workload's cgroup");
  return reader;
}

const Directory& CgroupReader::members() const {
  return memory_.directory ? memory_.directory
                           : (unified_.directory ? unified_.directory : cpu_.directory);
}

bool CgroupReader::reads_as(const CgroupReader& other) const {
  return found() && memory_version_ == other.memory_version_ &&
         unified_.identity == other.unified_.identity &&
         memory_.identity == other.memory_.identity && cpu_.identity == other.cpu_.identity &&
         cpuacct_.identity == other.cpuacct_.identity;
}

void CgroupReader::read(FileBuffer& buffer, Notes& notes, Values& values) const {
  if (memory_version_ != 0) {
    read_memory(buffer, notes, values);
    read_events(buffer, notes, values);
  }
  read_cpu(buffer, notes, values);
  if (unified_.directory) read_pressure(buffer, notes, values);
}

void CgroupReader::read_memory(FileBuffer& buffer, Notes& notes, Values& values) const {
  const bool v2 = memory_version_ == 2;
  const char* name = v2 ? "memory.current" : "memory.usage_in_bytes";
  const Text text = buffer.read(memory_.directory, name);
  if (!text) {
    if (!is_gone(text.error)) notes.unreadable(Source::memory_usage, name, text.error);
    return;
  }
  std::string_view rest = text.text;
  const auto usage = take_number(rest);
  if (!usage) return notes.odd(Source::memory_usage, name);
  values.set(M::memory_usage, static_cast<double>(*usage));

  if (const Text peak =
          buffer.read(memory_.directory, v2 ? "memory.peak" : "memory.max_usage_in_bytes")) {
    std::string_view number = peak.text;  // kernels before 5.19 have no memory.peak
    if (const auto value = take_number(number)) {
      values.set(M::memory_peak, static_cast<double>(*value));
    }
  }
  const Text stat = buffer.read(memory_.directory, "memory.stat");
  if (!stat) {
    if (!is_gone(stat.error)) notes.unreadable(Source::memory_stat, "memory.stat", stat.error);
    return;
  }
  const auto inactive = number_after(stat.text, v2 ? "inactive_file" : "total_inactive_file");
  if (!inactive) return notes.odd(Source::memory_stat, "memory.stat");
  values.set(M::memory_working_set, static_cast<double>(*usage - std::min(*usage, *inactive)));
}

void CgroupReader::read_events(FileBuffer& buffer, Notes& notes, Values& values) const {
  const bool v2 = memory_version_ == 2;
  const char* name = v2 ? "memory.events" : "memory.oom_control";
  const Text text = buffer.read(memory_.directory, name);
  if (!text) {
    if (!is_gone(text.error)) notes.unreadable(Source::memory_events, name, text.error);
    return;
  }
  const auto set = [&](Metric metric, std::string_view key) {
    const auto value = number_after(text.text, key);
    if (value) values.set(metric, static_cast<double>(*value));
  };
  set(M::memory_oom_kills, "oom_kill");
  if (!values.has(M::memory_oom_kills)) notes.odd(Source::memory_events, name);
  if (v2) {
    set(M::memory_oom, "oom");
    set(M::memory_limit_hits, "max");
    set(M::memory_high_events, "high");
    return;
  }
  if (const Text hits = buffer.read(memory_.directory, "memory.failcnt")) {
    std::string_view number = hits.text;
    if (const auto value = take_number(number)) {
      values.set(M::memory_limit_hits, static_cast<double>(*value));
    }
  }
}

void CgroupReader::read_cpu(FileBuffer& buffer, Notes& notes, Values& values) const {
  const auto set = [&](Metric metric, std::string_view text, std::string_view key, double unit) {
    if (const auto value = number_after(text, key)) {
      values.set(metric, static_cast<double>(*value) * unit);
    }
  };
  const Directory& directory = cpu_.directory ? cpu_.directory : unified_.directory;
  if (directory) {
    const Text text = buffer.read(directory, "cpu.stat");
    if (!text && !is_gone(text.error)) notes.unreadable(Source::cpu, "cpu.stat", text.error);
    set(M::cpu_seconds, text.text, "usage_usec", 1e-6);
    set(M::cpu_periods, text.text, "nr_periods", 1);
    set(M::cpu_throttled_periods, text.text, "nr_throttled", 1);
    set(M::cpu_throttled_seconds, text.text, "throttled_usec", 1e-6);  // v2
    set(M::cpu_throttled_seconds, text.text, "throttled_time", 1e-9);  // v1
    if (text && !cpu_.directory && !values.has(M::cpu_seconds)) notes.odd(Source::cpu, "cpu.stat");
  }
  if (!cpuacct_.directory) return;
  const Text text = buffer.read(cpuacct_.directory, "cpuacct.usage");
  std::string_view rest = text.text;
  if (const auto value = take_number(rest)) {
    values.set(M::cpu_seconds, static_cast<double>(*value) * 1e-9);
  } else if (text) {
    notes.odd(Source::cpu, "cpuacct.usage");
  } else if (!is_gone(text.error)) {
    notes.unreadable(Source::cpu, "cpuacct.usage", text.error);
  }
}

std::optional<Pressure> parse_pressure(std::string_view text, std::string_view kind) {
  auto rest = value_after(text, kind);
  if (!rest) return std::nullopt;
  constexpr std::string_view kAverage = "avg10=", kTotal = "total=";
  std::optional<double> average;
  std::optional<std::uint64_t> total;
  while (!rest->empty()) {
    const std::string_view word = take_word(*rest);
    if (word.starts_with(kAverage)) average = number_of<double>(word.substr(kAverage.size()));
    if (word.starts_with(kTotal)) total = number_of(word.substr(kTotal.size()));
  }
  if (!average || !total || !(*average >= 0 && *average <= 100)) return std::nullopt;
  return Pressure{*average / 100, static_cast<double>(*total) * 1e-6};
}

void CgroupReader::read_pressure(FileBuffer& buffer, Notes& notes, Values& values) const {
  struct File {
    const char* name;
    Metric some_avg10, some_seconds, full_avg10, full_seconds;
  };
  static constexpr std::array<File, 3> kFiles = {
      {{"memory.pressure", M::memory_some_avg10, M::memory_some_seconds, M::memory_full_avg10,
        M::memory_full_seconds},
       {"cpu.pressure", M::cpu_some_avg10, M::cpu_some_seconds, M::cpu_full_avg10,
        M::cpu_full_seconds},
       {"io.pressure", M::io_some_avg10, M::io_some_seconds, M::io_full_avg10,
        M::io_full_seconds}}};
  for (const File& file : kFiles) {
    const Text text = buffer.read(unified_.directory, file.name);
    if (!text) {
      // Without PSI the files are not there, or answer EOPNOTSUPP; a cgroup that is gone: ENODEV.
      if (text.error != ENODEV) notes.unreadable(Source::pressure, file.name, text.error);
      continue;
    }
    const auto some = parse_pressure(text.text, "some");
    const auto full = parse_pressure(text.text, "full");  // of CPU: since Linux 5.13
    if (!some) notes.odd(Source::pressure, file.name);
    if (some) {
      values.set(file.some_avg10, some->avg10);
      values.set(file.some_seconds, some->total_s);
    }
    if (full) {
      values.set(file.full_avg10, full->avg10);
      values.set(file.full_seconds, full->total_s);
    }
  }
}

std::optional<double> CgroupReader::lowest_limit(FileBuffer& buffer, Notes& notes) const {
  const char* file = memory_version_ == 2 ? "memory.max" : "memory.limit_in_bytes";
  std::uint64_t lowest = kNoLimit;
  std::string name = file;
  for (int level = 0; level <= memory_.levels; ++level, name.insert(0, "../")) {
    const Text text = buffer.read(memory_.directory, name.c_str());
    // The top of v2 has no such file.
    if (!text && level == 0 && !is_gone(text.error)) {
      notes.unreadable(Source::memory_limit, file, text.error);
    }
    std::string_view rest = text.text;
    const std::string_view word = take_word(rest);
    const auto limit = number_of(word);
    if (text && !limit && word != "max") notes.odd(Source::memory_limit, file);
    if (limit) lowest = std::min(lowest, *limit);
  }
  if (memory_version_ == 1) {  // knows of those, too, that cannot be seen
    const Text stat = buffer.read(memory_.directory, "memory.stat");
    const auto limit = number_after(stat.text, "hierarchical_memory_limit");
    if (limit) lowest = std::min(lowest, *limit);
  }
  if (lowest >= kNoLimit) return std::nullopt;
  return static_cast<double>(lowest);
}

void CgroupReader::read_limits(FileBuffer& buffer, Notes& notes, Values& values) const {
  if (memory_version_ != 0) values.set(M::memory_limit, lowest_limit(buffer, notes));
  std::optional<double> quota, period;
  if (cpu_.directory) {
    std::string_view text = buffer.read(cpu_.directory, "cpu.cfs_quota_us").text;
    quota = take_number<double>(text);
    text = buffer.read(cpu_.directory, "cpu.cfs_period_us").text;
    period = take_number<double>(text);
  } else if (unified_.directory) {
    const Text read = buffer.read(unified_.directory, "cpu.max");
    std::string_view text = read.text;
    quota = take_number<double>(text);
    period = take_number<double>(text);
    if (!read && !is_gone(read.error)) notes.unreadable(Source::cpu_limit, "cpu.max", read.error);
  }
  if (quota && period && *quota > 0 && *period > 0) values.set(M::cpu_limit, *quota / *period);
}

}  // namespace scanflow::collect
