// The last minute of a workload, in a few figures: for local rules and for the post-mortem. Pure:
// the time is handed in.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "sidecar/collect/metrics.hpp"

namespace scanflow::collect {

/// What is remembered. Other than metrics, these are what a person asks: a rate is one already.
enum class Signal : std::uint8_t {
  memory_bytes,
  memory_used_ratio,
  cpu_cores,
  memory_pressure,
  cpu_pressure,
  io_pressure,
  threads,
  open_fds,
  major_faults,
  gpu_memory_bytes,
};
inline constexpr std::size_t kSignals = 10;

struct SignalDescription {
  Signal signal;
  std::string_view name;  // as rules write it
  std::string_view unit;  // "bytes", "ratio", "cores", "1/s", or "" for a count
  std::string_view help;
};
/// Index: the signal's number.
std::span<const SignalDescription, kSignals> signals();
inline const SignalDescription& describe(Signal signal) {
  return signals()[static_cast<std::size_t>(signal)];
}

/// Evenly spaced values: the i-th at begin_us + i * step_us. NaN: absent.
struct Curve {
  Signal signal = Signal::memory_bytes;
  std::int64_t begin_us = 0;
  std::int64_t step_us = 0;
  std::vector<float> values;
};

enum class Op : std::uint8_t { above, at_least, below, at_most };
bool holds(Op op, double value, double bound);

/// A ring of samples: 64 s at one a second, 3 KiB. Allocates only for curves.
class History {
 public:
  static constexpr std::size_t kCapacity = 64;

  /// `now_us`: a monotonic clock's. What is not later than the latest is ignored.
  void add(std::int64_t now_us, const Values& values);

  std::size_t size() const { return size_; }
  /// Of the latest and the oldest sample; 0 where there is none.
  std::int64_t latest_us() const { return size_ == 0 ? 0 : from_end(0).time_us; }
  std::int64_t oldest_us() const { return size_ == 0 ? 0 : from_end(size_ - 1).time_us; }
  std::optional<double> latest(Signal signal) const;
  /// Since the beginning, also of what has left the ring.
  std::optional<double> peak(Signal signal) const;
  /// Change a second over the last `window_us`, by least squares; nothing where fewer than three
  /// samples, or less than half of the window, are there.
  std::optional<double> slope(Signal signal, std::int64_t window_us) const;
  /// Has it been so, without a gap, from `duration_us` before the latest sample on?
  bool held(Signal signal, Op op, double bound, std::int64_t duration_us) const;
  /// When it began to grow to where it is at the end: the last time that it was within a twentieth
  /// of that growth. Nothing where it grew by less than a twentieth of what it is.
  std::optional<std::int64_t> growing_since(Signal signal) const;
  /// At most `most` values; where samples fall together, the greatest. Empty: never there.
  Curve curve(Signal signal, std::size_t most) const;

 private:
  struct Point {
    std::int64_t time_us = 0;
    std::array<float, kSignals> values{};  // NaN: absent
    float operator[](Signal signal) const { return values[static_cast<std::size_t>(signal)]; }
  };
  /// 0: the latest.
  const Point& from_end(std::size_t back) const {
    return points_[(next_ + kCapacity - 1 - back) % kCapacity];
  }
  double rate(double& last, std::optional<double> total, double seconds) const;

  std::array<Point, kCapacity> points_{};
  std::size_t next_ = 0;
  std::size_t size_ = 0;
  std::array<float, kSignals> peaks_{};
  double last_cpu_s_ = 0;
  double last_faults_ = 0;
};

}  // namespace scanflow::collect
