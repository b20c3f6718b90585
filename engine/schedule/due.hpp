// What a schedule owes: which firings between two looks at the clock are made up for. Pure: no
// clock is read; times are microseconds since 1970-01-01 UTC.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/schedule/schedule.hpp"

namespace scanflow::schedule {

/// Of firings that nobody was there for (the server was down, or the machine slept).
enum class CatchUp : std::uint8_t {
  none,  // they are left out
  last,  // the newest one is made up for, as Kubernetes does
  all,   // each one, the newest kMostMissed at most
};

struct Policy {
  CatchUp catch_up = CatchUp::last;
  std::int64_t deadline_us = 0;  // a firing that is later than this is left out; 0: none is
};

/// A firing that is no later than this has not been missed.
inline constexpr std::int64_t kOnTimeUs = 60'000'000;
inline constexpr std::size_t kMostMissed = 100;

/// The firings after `since_us` up to `now_us` that are to be started now, in order. What it looks
/// at is bounded by kMostMissed, however long ago `since_us` is.
std::vector<std::int64_t> due(const Schedule& schedule, const Policy& policy, std::int64_t since_us,
                              std::int64_t now_us);

}  // namespace scanflow::schedule
