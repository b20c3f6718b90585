// A libnvidia-ml.so.1 with two GPUs; process times come once. FAKE_NVML=broken: it does not start.
#include <cstdlib>
#include <cstring>

extern "C" {
struct Utilization {
  unsigned gpu, memory;
};
struct Memory {
  unsigned long long total, free, used;
};
struct Process {
  unsigned pid;
  unsigned long long memory;
  unsigned gpu, compute;
};
struct Time {
  unsigned pid;
  unsigned long long time;
  unsigned sm, memory, encoder, decoder;
};

int nvmlInit_v2() {
  const char* mode = std::getenv("FAKE_NVML");
  return mode != nullptr && std::strcmp(mode, "broken") == 0 ? 9 : 0;
}
int nvmlShutdown() { return 0; }
const char* nvmlErrorString(int) { return "Driver Not Loaded"; }
int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = 2;
  return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  *device = reinterpret_cast<void*>(static_cast<unsigned long>(index) + 1);
  return 0;
}
int nvmlDeviceGetUtilizationRates(void* device, Utilization* out) {
  if (device == reinterpret_cast<void*>(2)) return 3;  // NOT_SUPPORTED
  *out = {40, 10};
  return 0;
}
int nvmlDeviceGetMemoryInfo(void*, Memory* out) {
  *out = {1000, 400, 600};
  return 0;
}
int nvmlDeviceGetComputeRunningProcesses_v3(void*, unsigned* count, Process* out) {
  if (*count < 2) return 7;
  out[0] = {10, 250, ~0U, ~0U};
  out[1] = {11, ~0ULL, ~0U, ~0U};
  *count = 2;
  return 0;
}
int nvmlDeviceGetProcessUtilization(void*, Time* out, unsigned* count, unsigned long long seen) {
  if (seen >= 77) return 6;  // NOT_FOUND
  out[0] = {10, 77, 30, 0, 0, 0};
  *count = 1;
  return 0;
}
}
