// The two clocks, in microseconds. Pure folders are told the time instead.
#pragma once

#include <time.h>

#include <cstdint>

namespace scanflow {

inline std::int64_t read_clock_us(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
}
/// For durations and timers.
inline std::int64_t monotonic_us() { return read_clock_us(CLOCK_MONOTONIC); }
/// Since 1970-01-01 UTC: for what is recorded.
inline std::int64_t wall_us() { return read_clock_us(CLOCK_REALTIME); }

}  // namespace scanflow
