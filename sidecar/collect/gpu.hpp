// NVIDIA GPUs through NVML, where its library is on the machine: loaded at run time, never linked
// (API: docs.nvidia.com/deploy/nvml-api).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sidecar/collect/metrics.hpp"
#include "sidecar/collect/notes.hpp"

namespace scanflow::collect {

/// What one process has of one GPU.
struct GpuProcess {
  pid_t pid = 0;            // as the driver tells it: the machine's in some containers
  double memory_bytes = 0;  // 0 where the driver does not tell
  double utilization = 0;   // 0 to 1
};

/// Not thread-safe. Loading costs some MiB: only where GPUs are asked for.
class Gpus {
 public:
  /// Nothing where the library, or a GPU, is not there: said once.
  static std::unique_ptr<Gpus> load(const char* library, Notes& notes);
  ~Gpus();
  Gpus(const Gpus&) = delete;
  Gpus& operator=(const Gpus&) = delete;

  void read(Notes& notes);
  /// Of the last read; index: the driver's number.
  std::span<const Values> devices() const { return devices_; }
  /// Of the last read, of all devices: a process may come more than once.
  std::span<const GpuProcess> processes() const { return processes_; }

 private:
  struct Library;
  Gpus();
  void read_processes(std::size_t index);
  void read_times(std::size_t index);
  GpuProcess& process(pid_t pid);

  std::unique_ptr<Library> library_;
  std::vector<void*> handles_;
  std::vector<unsigned long long> seen_us_;  // of each device: the newest sample of processes' time
  std::vector<Values> devices_;
  std::vector<GpuProcess> processes_;
};

}  // namespace scanflow::collect
