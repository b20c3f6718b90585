#include "engine/runtime/machine_capacity.hpp"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <sstream>

#include "engine/backend/names.hpp"
#include "sdk/base/files.hpp"

namespace scanflow::runtime {
namespace {

/// A number at the beginning of a file; nothing where there is none ("max").
std::optional<std::int64_t> number_in(const std::filesystem::path& file) {
  const auto text = read_file(file);
  std::int64_t value = 0;
  if (!text) return std::nullopt;
  const auto end = std::from_chars(text->data(), text->data() + text->size(), value);
  return end.ec == std::errc() ? std::optional(value) : std::nullopt;
}

void lower(double& limit, double to) {
  if (to > 0 && (limit <= 0 || to < limit)) limit = to;
}
void lower(std::uint64_t& limit, std::int64_t to) {
  const auto bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(to, 0));
  if (bytes > 0 && (limit == 0 || bytes < limit)) limit = bytes;
}

/// The limits of one cgroup, of either version.
void read_cgroup(const std::filesystem::path& directory, run::Capacity& capacity) {
  for (const char* file : {"memory.max", "memory.limit_in_bytes"}) {
    if (const auto bytes = number_in(directory / file)) lower(capacity.memory, *bytes);
  }
  if (const auto text = read_file(directory / "cpu.max")) {
    std::istringstream words(*text);
    double quota = 0, period = 0;
    if (words >> quota >> period && period > 0) lower(capacity.cpu, quota / period);
  }
  const auto quota = number_in(directory / "cpu.cfs_quota_us");
  const auto period = number_in(directory / "cpu.cfs_period_us");
  if (quota && period && *quota > 0 && *period > 0) {
    lower(capacity.cpu, static_cast<double>(*quota) / static_cast<double>(*period));
  }
}

/// The cgroup of a line "id:controllers:path", and all above it up to the mount.
void read_upwards(const std::filesystem::path& mount, const std::string& path,
                  run::Capacity& capacity) {
  for (std::filesystem::path at = mount / std::filesystem::path(path).relative_path();;
       at = at.parent_path()) {
    read_cgroup(at, capacity);
    if (at == mount || at.native().size() <= mount.native().size()) return;
  }
}

std::uint64_t memory_total(const std::string& proc) {
  const auto text = read_file(proc + "/meminfo");
  std::istringstream lines(text.value_or(""));
  std::string key;
  std::uint64_t kib = 0;
  std::string unit;
  while (lines >> key >> kib >> unit) {
    if (key == "MemTotal:") return kib * 1024;
  }
  return 0;
}

}  // namespace

run::Capacity machine_capacity(const std::string& proc, const std::string& sys) {
  run::Capacity capacity;
  capacity.memory = memory_total(proc);
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) capacity.cpu = CPU_COUNT(&set);
  const auto cgroups = read_file(proc + "/self/cgroup");
  std::istringstream lines(cgroups.value_or(""));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) read_upwards(sys, path, capacity);
    if (controllers.find("memory") != std::string::npos)
      read_upwards(sys + "/memory", path, capacity);
    if (controllers.find("cpu") != std::string::npos) read_upwards(sys + "/cpu", path, capacity);
  }
  return capacity;
}

run::Capacity capacity_for(const RunOptions& options, const run::Capacity& machine) {
  run::Capacity capacity;
  if (!backend::runs_elsewhere(options.backend)) capacity = machine;
  capacity.jobs = options.jobs;
  return capacity;
}

}  // namespace scanflow::runtime
