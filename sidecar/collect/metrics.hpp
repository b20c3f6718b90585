// What can be collected: each metric's name, kind, unit and meaning, described once. The names go
// to the hub and to /metrics, so they are never changed, only added to.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

namespace scanflow::collect {

/// In the table's order.
enum class Metric : std::uint8_t {
  // a workload's processes
  processes,
  processes_running,
  processes_blocked,
  processes_stopped,
  processes_zombie,
  cpu_user_seconds,
  cpu_system_seconds,
  resident,
  proportional,
  private_dirty,
  swapped,
  threads,
  open_fds,
  switches_voluntary,
  switches_involuntary,
  read_bytes,
  write_bytes,
  major_faults,
  oom_score,
  // the cgroup that the workload lies in
  strangers,
  memory_usage,
  memory_working_set,
  memory_limit,
  memory_peak,
  memory_oom,
  memory_oom_kills,
  memory_limit_hits,
  memory_high_events,
  cpu_seconds,
  cpu_limit,
  cpu_periods,
  cpu_throttled_periods,
  cpu_throttled_seconds,
  memory_some_avg10,
  memory_some_seconds,
  memory_full_avg10,
  memory_full_seconds,
  cpu_some_avg10,
  cpu_some_seconds,
  cpu_full_avg10,
  cpu_full_seconds,
  io_some_avg10,
  io_some_seconds,
  io_full_avg10,
  io_full_seconds,
  // derived
  memory_used_ratio,
  // a workload's GPU memory and time
  gpu_process_memory,
  gpu_process_utilization,
  // network namespace
  network_received,
  network_sent,
  network_receive_dropped,
  network_send_dropped,
  tcp_sent_segments,
  tcp_retransmits,
  tcp_listen_overflows,
  tcp_listen_drops,
  // a volume
  volume_size,
  volume_available,
  volume_inodes,
  volume_inodes_free,
  // a GPU
  gpu_utilization,
  gpu_memory_used,
  gpu_memory_size,
};
inline constexpr std::size_t kMetrics = static_cast<std::size_t>(Metric::gpu_memory_size) + 1;

enum class Kind : std::uint8_t { gauge, counter };
/// Whose it is: one value for each workload, the Pod, each volume, each GPU.
enum class Scope : std::uint8_t { workload, pod, volume, gpu };

struct Description {
  Metric metric;
  std::string_view name;  // as Prometheus writes it
  Kind kind;
  Scope scope;
  std::string_view unit;  // "bytes", "seconds", "ratio" (0 to 1), "cores", or "" for a count
  std::string_view help;
};

/// Index: the metric's number.
std::span<const Description, kMetrics> descriptions();
inline const Description& describe(Metric metric) {
  return descriptions()[static_cast<std::size_t>(metric)];
}
std::optional<Metric> metric_named(std::string_view name);

/// The values of one sample; what could not be read is absent. Counters are totals since the kernel
/// or this collector began to count, never rates, and never fall.
class Values {
 public:
  Values() { clear(); }
  void clear() { values_.fill(std::numeric_limits<double>::quiet_NaN()); }
  void set(Metric metric, double value) { at(metric) = value; }
  void set(Metric metric, std::optional<double> value) {
    if (value) at(metric) = *value;
  }
  /// Counts on from 0 where it is still absent.
  void add(Metric metric, double value) { at(metric) = has(metric) ? at(metric) + value : value; }
  /// All that the other one has; the rest stays.
  void take(const Values& other) {
    for (std::size_t i = 0; i < kMetrics; ++i)
      if (!std::isnan(other.values_[i])) values_[i] = other.values_[i];
  }
  bool has(Metric metric) const { return !std::isnan(values_[static_cast<std::size_t>(metric)]); }
  std::optional<double> get(Metric metric) const {
    if (!has(metric)) return std::nullopt;
    return values_[static_cast<std::size_t>(metric)];
  }

 private:
  double& at(Metric metric) { return values_[static_cast<std::size_t>(metric)]; }
  std::array<double, kMetrics> values_;
};

}  // namespace scanflow::collect
