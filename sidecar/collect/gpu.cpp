#include "sidecar/collect/gpu.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

namespace scanflow::collect {
namespace {

// Of nvml.h: what is used here, laid out as there.
struct Utilization {
  unsigned gpu, memory;  // percent
};
struct Memory {
  unsigned long long total, free, used;
};
struct RunningProcess {  // of the _v2 and _v3 functions
  unsigned pid;
  unsigned long long memory;
  unsigned gpu_instance, compute_instance;
};
struct ProcessTime {
  unsigned pid;
  unsigned long long time_us;
  unsigned sm, memory, encoder, decoder;  // percent
};
constexpr unsigned long long kNotAvailable = ~0ULL;
constexpr unsigned kMostProcesses = 128;
constexpr unsigned kMostDevices = 64;

}  // namespace

struct Gpus::Library {
  void* handle = nullptr;
  int (*init)() = nullptr;
  int (*shutdown)() = nullptr;
  const char* (*error_string)(int) = nullptr;
  int (*count)(unsigned*) = nullptr;
  int (*by_index)(unsigned, void**) = nullptr;
  int (*utilization)(void*, Utilization*) = nullptr;
  int (*memory)(void*, Memory*) = nullptr;
  // These may be missing.
  int (*running)(void*, unsigned*, RunningProcess*) = nullptr;
  int (*times)(void*, ProcessTime*, unsigned*, unsigned long long) = nullptr;
  bool started = false;

  ~Library() {
    if (started) shutdown();
    if (handle != nullptr) ::dlclose(handle);
  }
  template <class Function>
  bool find(const char* name, Function& function) {
    function = reinterpret_cast<Function>(::dlsym(handle, name));
    return function != nullptr;
  }
  bool find_all() {
    if (!find("nvmlDeviceGetComputeRunningProcesses_v3", running)) {
      find("nvmlDeviceGetComputeRunningProcesses_v2", running);
    }
    find("nvmlDeviceGetProcessUtilization", times);
    return find("nvmlInit_v2", init) && find("nvmlShutdown", shutdown) &&
           find("nvmlErrorString", error_string) && find("nvmlDeviceGetCount_v2", count) &&
           find("nvmlDeviceGetHandleByIndex_v2", by_index) &&
           find("nvmlDeviceGetUtilizationRates", utilization) &&
           find("nvmlDeviceGetMemoryInfo", memory);
  }
};

Gpus::Gpus() : library_(std::make_unique<Library>()) {}
Gpus::~Gpus() = default;

std::unique_ptr<Gpus> Gpus::load(const char* library, Notes& notes) {
  std::unique_ptr<Gpus> gpus(new Gpus);
  Library& nvml = *gpus->library_;
  nvml.handle = ::dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (nvml.handle == nullptr) {
    notes.absent(Source::gpu, fmt::format("there is no {} on this machine", library));
    return nullptr;
  }
  if (!nvml.find_all()) {
    notes.absent(Source::gpu, fmt::format("{} lacks a function that is needed", library));
    return nullptr;
  }
  int error = nvml.init();
  nvml.started = error == 0;
  unsigned count = 0;
  if (error == 0) error = nvml.count(&count);
  for (unsigned i = 0; error == 0 && i < std::min(count, kMostDevices); ++i) {
    void* handle = nullptr;
    if (nvml.by_index(i, &handle) == 0) gpus->handles_.push_back(handle);
  }
  if (error != 0 || gpus->handles_.empty()) {
    notes.absent(Source::gpu, error != 0 ? fmt::format("{}: {}", library, nvml.error_string(error))
                                         : fmt::format("{} shows no GPU", library));
    return nullptr;
  }
  gpus->devices_.resize(gpus->handles_.size());
  gpus->seen_us_.resize(gpus->handles_.size());
  return gpus;
}

void Gpus::read(Notes& notes) {
  processes_.clear();
  for (std::size_t i = 0; i < handles_.size(); ++i) {
    Values& values = devices_[i];
    values.clear();
    Utilization utilization{};
    Memory memory{};
    if (const int error = library_->utilization(handles_[i], &utilization); error == 0) {
      values.set(Metric::gpu_utilization, utilization.gpu / 100.0);
    } else {
      notes.absent(Source::gpu, library_->error_string(error));
    }
    if (const int error = library_->memory(handles_[i], &memory); error == 0) {
      values.set(Metric::gpu_memory_used, static_cast<double>(memory.used));
      values.set(Metric::gpu_memory_size, static_cast<double>(memory.total));
    } else {
      notes.absent(Source::gpu, library_->error_string(error));
    }
    read_processes(i);
    read_times(i);
  }
}

GpuProcess& Gpus::process(pid_t pid) {
  const auto found = std::find_if(processes_.begin(), processes_.end(),
                                  [&](const GpuProcess& one) { return one.pid == pid; });
  return found != processes_.end() ? *found : processes_.emplace_back(GpuProcess{pid, 0, 0});
}

void Gpus::read_processes(std::size_t index) {
  std::array<RunningProcess, kMostProcesses> running{};
  unsigned count = kMostProcesses;
  if (library_->running == nullptr ||
      library_->running(handles_[index], &count, running.data()) != 0) {
    return;
  }
  for (unsigned i = 0; i < std::min(count, kMostProcesses); ++i) {
    GpuProcess& one = process(static_cast<pid_t>(running[i].pid));
    if (running[i].memory == kNotAvailable) continue;
    one.memory_bytes += static_cast<double>(running[i].memory);
  }
}

void Gpus::read_times(std::size_t index) {
  std::array<ProcessTime, kMostProcesses> times{};
  unsigned count = kMostProcesses;
  // NOT_FOUND where nothing ran since; NOT_SUPPORTED on older GPUs: then there is only the memory.
  if (library_->times == nullptr ||
      library_->times(handles_[index], times.data(), &count, seen_us_[index]) != 0) {
    return;
  }
  for (unsigned i = 0; i < std::min(count, kMostProcesses); ++i) {
    seen_us_[index] = std::max(seen_us_[index], times[i].time_us);
    if (times[i].sm > 100) continue;
    process(static_cast<pid_t>(times[i].pid)).utilization += times[i].sm / 100.0;
  }
}

}  // namespace scanflow::collect
