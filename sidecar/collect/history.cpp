#include "sidecar/collect/history.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace scanflow::collect {
namespace {

using M = Metric;
constexpr float kAbsent = std::numeric_limits<float>::quiet_NaN();
constexpr double kSecond = 1e6;

// clang-format off
constexpr std::array<SignalDescription, kSignals> kSignalTable = {{
    {Signal::memory_bytes, "memory_bytes", "bytes", "Working set of the workload's own cgroup, else resident memory of its processes."},
    {Signal::memory_used_ratio, "memory_used_ratio", "ratio", "Memory to its limit; absent without a limit."},
    {Signal::cpu_cores, "cpu_cores", "cores", "CPU time a second of its processes."},
    {Signal::memory_pressure, "memory_pressure_ratio", "ratio", "Share of 10 s in which some task waited for memory."},
    {Signal::cpu_pressure, "cpu_pressure_ratio", "ratio", "Share of 10 s in which some task waited for a CPU."},
    {Signal::io_pressure, "io_pressure_ratio", "ratio", "Share of 10 s in which some task waited for a device."},
    {Signal::threads, "threads", "", "Threads of all processes."},
    {Signal::open_fds, "open_fds", "", "Open file descriptors of all processes."},
    {Signal::major_faults, "major_page_faults", "1/s", "Page faults a second that waited for a disk."},
    {Signal::gpu_memory_bytes, "gpu_memory_bytes", "bytes", "GPU memory of its processes."},
}};
// clang-format on

std::optional<double> sum(std::optional<double> a, std::optional<double> b) {
  if (!a || !b) return std::nullopt;
  return *a + *b;
}

std::optional<double> memory_of(const Values& values) {
  const bool own = values.get(M::strangers).value_or(1) == 0;
  if (own && values.has(M::memory_working_set)) return values.get(M::memory_working_set);
  return values.get(M::resident);
}

}  // namespace

std::span<const SignalDescription, kSignals> signals() { return kSignalTable; }

bool holds(Op op, double value, double bound) {
  switch (op) {
    case Op::above:
      return value > bound;
    case Op::at_least:
      return value >= bound;
    case Op::below:
      return value < bound;
    case Op::at_most:
      return value <= bound;
  }
  return false;
}

/// NaN: unknown, as it is at first. `last`: the total of the sample before; below 0: unknown.
double History::rate(double& last, std::optional<double> total, double seconds) const {
  const double before = size_ == 0 ? -1 : last;
  last = total.value_or(-1);
  return before < 0 || !total || seconds <= 0 ? kAbsent : (*total - before) / seconds;
}

void History::add(std::int64_t now_us, const Values& values) {
  if (size_ > 0 && now_us <= latest_us()) return;
  const double seconds = static_cast<double>(now_us - latest_us()) / kSecond;
  Point point;
  point.time_us = now_us;
  const auto set = [&](Signal signal, std::optional<double> value) {
    point.values[static_cast<std::size_t>(signal)] = value ? static_cast<float>(*value) : kAbsent;
  };
  set(Signal::memory_bytes, memory_of(values));
  set(Signal::memory_used_ratio, values.get(M::memory_used_ratio));
  set(Signal::cpu_cores,
      rate(last_cpu_s_, sum(values.get(M::cpu_user_seconds), values.get(M::cpu_system_seconds)),
           seconds));
  set(Signal::memory_pressure, values.get(M::memory_some_avg10));
  set(Signal::cpu_pressure, values.get(M::cpu_some_avg10));
  set(Signal::io_pressure, values.get(M::io_some_avg10));
  set(Signal::threads, values.get(M::threads));
  set(Signal::open_fds, values.get(M::open_fds));
  set(Signal::major_faults, rate(last_faults_, values.get(M::major_faults), seconds));
  set(Signal::gpu_memory_bytes, values.get(M::gpu_process_memory));

  if (size_ == 0) peaks_.fill(kAbsent);
  for (std::size_t i = 0; i < kSignals; ++i) peaks_[i] = std::fmax(peaks_[i], point.values[i]);
  points_[next_] = point;
  next_ = (next_ + 1) % kCapacity;
  size_ = std::min(size_ + 1, kCapacity);
}

std::optional<double> History::latest(Signal signal) const {
  if (size_ == 0 || std::isnan(from_end(0)[signal])) return std::nullopt;
  return from_end(0)[signal];
}

std::optional<double> History::peak(Signal signal) const {
  const float peak = peaks_[static_cast<std::size_t>(signal)];
  if (size_ == 0 || std::isnan(peak)) return std::nullopt;
  return peak;
}

std::optional<double> History::slope(Signal signal, std::int64_t window_us) const {
  const std::int64_t end = latest_us();
  double n = 0, st = 0, sv = 0, stt = 0, stv = 0;
  std::int64_t first = end;
  for (std::size_t back = 0; back < size_; ++back) {
    const Point& point = from_end(back);
    if (end - point.time_us > window_us) break;
    if (std::isnan(point[signal])) continue;
    const double t = static_cast<double>(point.time_us - end) / kSecond, v = point[signal];
    first = point.time_us;
    n += 1;
    st += t;
    sv += v;
    stt += t * t;
    stv += t * v;
  }
  const double spread = n * stt - st * st;
  if (n < 3 || end - first < window_us / 2 || spread <= 0) return std::nullopt;
  return (n * stv - st * sv) / spread;
}

bool History::held(Signal signal, Op op, double bound, std::int64_t duration_us) const {
  for (std::size_t back = 0; back < size_; ++back) {
    const Point& point = from_end(back);
    if (std::isnan(point[signal]) || !holds(op, point[signal], bound)) return false;
    if (latest_us() - point.time_us >= duration_us) return true;
  }
  return false;
}

std::optional<std::int64_t> History::growing_since(Signal signal) const {
  constexpr float kPart = 0.05F;
  const auto now = latest(signal);
  if (!now) return std::nullopt;
  const auto end = static_cast<float>(*now);
  float lowest = end;
  for (std::size_t back = 0; back < size_; ++back)
    lowest = std::fmin(lowest, from_end(back)[signal]);
  if (end - lowest <= kPart * std::fabs(end)) return std::nullopt;
  for (std::size_t back = 0; back < size_; ++back) {
    const Point& point = from_end(back);
    if (point[signal] <= lowest + kPart * (end - lowest)) return point.time_us;
  }
  return std::nullopt;
}

Curve History::curve(Signal signal, std::size_t most) const {
  Curve curve;
  curve.signal = signal;
  if (size_ == 0 || most == 0 || !peak(signal)) return curve;
  const std::size_t count = std::min(size_, most);
  const std::int64_t span = latest_us() - oldest_us();
  curve.begin_us = oldest_us();
  curve.step_us = count > 1 ? span / static_cast<std::int64_t>(count - 1) : 0;
  curve.values.assign(count, kAbsent);
  std::vector<bool> seen(count, false);
  for (std::size_t back = size_; back-- > 0;) {
    const Point& point = from_end(back);
    const double share =
        span == 0 ? 0
                  : static_cast<double>(point.time_us - curve.begin_us) / static_cast<double>(span);
    const auto slot = static_cast<std::size_t>(std::lround(share * static_cast<double>(count - 1)));
    curve.values[slot] = std::fmax(curve.values[slot], point[signal]);
    seen[slot] = true;
  }
  for (std::size_t i = 1; i < count; ++i) {  // samples do not come evenly
    if (!seen[i]) curve.values[i] = curve.values[i - 1];
  }
  return curve;
}

}  // namespace scanflow::collect
