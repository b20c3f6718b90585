#include "sidecar/collect/metrics.hpp"

#include <algorithm>

namespace scanflow::collect {
namespace {

using enum Kind;
using S = Scope;
using M = Metric;

// clang-format off
constexpr std::array<Description, kMetrics> kMetricTable = {{
    {M::processes, "process_count", gauge, S::workload, "", "Processes of the workload, zombies among them."},
    {M::processes_running, "process_running", gauge, S::workload, "", "Processes in state R."},
    {M::processes_blocked, "process_blocked", gauge, S::workload, "", "Processes in state D: they wait for a device."},
    {M::processes_stopped, "process_stopped", gauge, S::workload, "", "Processes in state T or t: stopped by a signal or a tracer."},
    {M::processes_zombie, "process_zombie", gauge, S::workload, "", "Processes in state Z: ended, and not yet waited for."},
    {M::cpu_user_seconds, "process_cpu_user_seconds_total", counter, S::workload, "seconds", "CPU time in user mode, with that of children that were waited for."},
    {M::cpu_system_seconds, "process_cpu_system_seconds_total", counter, S::workload, "seconds", "CPU time in the kernel, with that of children that were waited for."},
    {M::resident, "process_resident_memory_bytes", gauge, S::workload, "bytes", "Resident memory, summed over processes: what they share counts for each."},
    {M::proportional, "process_proportional_memory_bytes", gauge, S::workload, "bytes", "PSS: what is shared is divided by those who share it. Read rarely, because it is dear."},
    {M::private_dirty, "process_private_dirty_bytes", gauge, S::workload, "bytes", "Memory that only this workload has and that no file backs. Read rarely."},
    {M::swapped, "process_swap_bytes", gauge, S::workload, "bytes", "Anonymous memory in swap."},
    {M::threads, "process_threads", gauge, S::workload, "", "Threads of all processes."},
    {M::open_fds, "process_open_fds", gauge, S::workload, "", "Open file descriptors of all processes."},
    {M::switches_voluntary, "process_context_switches_voluntary_total", counter, S::workload, "", "Context switches of the main threads because they waited."},
    {M::switches_involuntary, "process_context_switches_involuntary_total", counter, S::workload, "", "Context switches of the main threads because others wanted the CPU."},
    {M::read_bytes, "process_read_bytes_total", counter, S::workload, "bytes", "Bytes fetched from storage; not from the page cache."},
    {M::write_bytes, "process_write_bytes_total", counter, S::workload, "bytes", "Bytes sent to storage, as pages became dirty."},
    {M::major_faults, "process_major_page_faults_total", counter, S::workload, "", "Page faults that waited for a disk."},
    {M::oom_score, "process_oom_score", gauge, S::workload, "", "The highest of its processes: the kernel kills the highest first."},
    {M::strangers, "container_other_processes", gauge, S::workload, "", "Processes in the workload's cgroup that are not the workload's: above 0, container_* are not its alone."},
    {M::memory_usage, "container_memory_usage_bytes", gauge, S::workload, "bytes", "Memory charged to the cgroup, page cache included."},
    {M::memory_working_set, "container_memory_working_set_bytes", gauge, S::workload, "bytes", "Usage without inactive file pages: what cannot be freed easily."},
    {M::memory_limit, "container_memory_limit_bytes", gauge, S::workload, "bytes", "The lowest limit on the way up that is visible; absent where there is none."},
    {M::memory_peak, "container_memory_peak_bytes", gauge, S::workload, "bytes", "The highest usage so far."},
    {M::memory_oom, "container_memory_oom_total", counter, S::workload, "", "How often the limit was hit and nothing could be freed."},
    {M::memory_oom_kills, "container_memory_oom_kills_total", counter, S::workload, "", "Processes that the kernel killed for memory."},
    {M::memory_limit_hits, "container_memory_limit_hits_total", counter, S::workload, "", "How often usage came to the limit."},
    {M::memory_high_events, "container_memory_high_events_total", counter, S::workload, "", "How often processes were slowed down because of memory.high (v2)."},
    {M::cpu_seconds, "container_cpu_seconds_total", counter, S::workload, "seconds", "CPU time of the cgroup."},
    {M::cpu_limit, "container_cpu_limit_cores", gauge, S::workload, "cores", "The cgroup's quota; absent where there is none."},
    {M::cpu_periods, "container_cpu_periods_total", counter, S::workload, "", "Periods of the quota in which something ran."},
    {M::cpu_throttled_periods, "container_cpu_throttled_periods_total", counter, S::workload, "", "Those in which the quota was used up."},
    {M::cpu_throttled_seconds, "container_cpu_throttled_seconds_total", counter, S::workload, "seconds", "Time that CPUs were taken away because of the quota."},
    {M::memory_some_avg10, "container_pressure_memory_some_avg10_ratio", gauge, S::workload, "ratio", "Share of the last 10 s in which some task waited for memory."},
    {M::memory_some_seconds, "container_pressure_memory_some_seconds_total", counter, S::workload, "seconds", "Time in which some task waited for memory."},
    {M::memory_full_avg10, "container_pressure_memory_full_avg10_ratio", gauge, S::workload, "ratio", "Share of the last 10 s in which all tasks waited for memory."},
    {M::memory_full_seconds, "container_pressure_memory_full_seconds_total", counter, S::workload, "seconds", "Time in which all tasks waited for memory."},
    {M::cpu_some_avg10, "container_pressure_cpu_some_avg10_ratio", gauge, S::workload, "ratio", "Share of the last 10 s in which some task waited for a CPU."},
    {M::cpu_some_seconds, "container_pressure_cpu_some_seconds_total", counter, S::workload, "seconds", "Time in which some task waited for a CPU."},
    {M::cpu_full_avg10, "container_pressure_cpu_full_avg10_ratio", gauge, S::workload, "ratio", "Share of the last 10 s in which all tasks waited for a CPU."},
    {M::cpu_full_seconds, "container_pressure_cpu_full_seconds_total", counter, S::workload, "seconds", "Time in which all tasks waited for a CPU."},
    {M::io_some_avg10, "container_pressure_io_some_avg10_ratio", gauge, S::workload, "ratio", "Share of the last 10 s in which some task waited for a device."},
    {M::io_some_seconds, "container_pressure_io_some_seconds_total", counter, S::workload, "seconds", "Time in which some task waited for a device."},
    {M::io_full_avg10, "container_pressure_io_full_avg10_ratio", gauge, S::workload, "ratio", "Share of the last 10 s in which all tasks waited for a device."},
    {M::io_full_seconds, "container_pressure_io_full_seconds_total", counter, S::workload, "seconds", "Time in which all tasks waited for a device."},
    {M::memory_used_ratio, "memory_used_ratio", gauge, S::workload, "ratio", "The worse of: working set to the cgroup's limit, resident memory to the workload's own."},
    {M::gpu_process_memory, "process_gpu_memory_bytes", gauge, S::workload, "bytes", "Memory of all GPUs that its processes hold."},
    {M::gpu_process_utilization, "process_gpu_utilization_ratio", gauge, S::workload, "ratio", "Share of GPU time that its processes used, summed over GPUs."},
    {M::network_received, "network_receive_bytes_total", counter, S::pod, "bytes", "Of all interfaces of the namespace but lo."},
    {M::network_sent, "network_transmit_bytes_total", counter, S::pod, "bytes", "Of all interfaces of the namespace but lo."},
    {M::network_receive_dropped, "network_receive_dropped_total", counter, S::pod, "", "Packets dropped on receipt."},
    {M::network_send_dropped, "network_transmit_dropped_total", counter, S::pod, "", "Packets dropped while sending."},
    {M::tcp_sent_segments, "network_tcp_sent_segments_total", counter, S::pod, "", "TCP segments sent, without retransmitted ones."},
    {M::tcp_retransmits, "network_tcp_retransmitted_segments_total", counter, S::pod, "", "TCP segments sent again."},
    {M::tcp_listen_overflows, "network_tcp_listen_overflows_total", counter, S::pod, "", "Connections refused because an accept queue was full."},
    {M::tcp_listen_drops, "network_tcp_listen_drops_total", counter, S::pod, "", "Connections dropped before they were accepted, for any reason."},
    {M::volume_size, "volume_size_bytes", gauge, S::volume, "bytes", "Size of the file system."},
    {M::volume_available, "volume_available_bytes", gauge, S::volume, "bytes", "What is free for others than root."},
    {M::volume_inodes, "volume_inodes", gauge, S::volume, "", "Inodes of the file system; absent where it does not count them."},
    {M::volume_inodes_free, "volume_inodes_free", gauge, S::volume, "", "Inodes that are free."},
    {M::gpu_utilization, "gpu_utilization_ratio", gauge, S::gpu, "ratio", "Share of the last period in which a kernel ran."},
    {M::gpu_memory_used, "gpu_memory_used_bytes", gauge, S::gpu, "bytes", "Memory in use, the driver's included."},
    {M::gpu_memory_size, "gpu_memory_size_bytes", gauge, S::gpu, "bytes", "Memory of the GPU."},
}};
// clang-format on

constexpr bool in_order() {
  for (std::size_t i = 0; i < kMetrics; ++i) {
    if (static_cast<std::size_t>(kMetricTable[i].metric) != i) return false;
  }
  return true;
}
static_assert(in_order());

}  // namespace

std::span<const Description, kMetrics> descriptions() { return kMetricTable; }

std::optional<Metric> metric_named(std::string_view name) {
  const auto* found = std::find_if(kMetricTable.begin(), kMetricTable.end(),
                                   [&](const Description& row) { return row.name == name; });
  if (found == kMetricTable.end()) return std::nullopt;
  return found->metric;
}

}  // namespace scanflow::collect
