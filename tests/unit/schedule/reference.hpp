// The slow way to say when a schedule fires: look at each minute. Local times are the C library's.
#pragma once

#include <bitset>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace scanflow::schedule {

/// A field as text, and what it means.
struct DrawnField {
  std::string text;
  std::bitset<64> values;
  bool star = false;
  bool step = false;
};

/// A random expression that fires at some time.
struct Drawn {
  DrawnField minute, hour, day, month, weekday;
  bool last_day = false;

  std::string text() const;
  /// local_minute: minutes since 1970-01-01 00:00 of the local calendar.
  bool names(std::int64_t local_minute) const;
  bool repeats() const { return minute.star || minute.step || hour.star || hour.step; }
};

Drawn draw(std::mt19937_64& random);

/// What clocks in a zone show at each minute of UTC of a stretch of time, whose offsets are whole
/// minutes.
struct Clocks {
  std::int64_t first;               // minutes since 1970 UTC
  std::vector<std::int64_t> shown;  // minutes since 1970 of the local calendar
};

/// Sets TZ. `minutes`: how long.
Clocks watch(const std::string& zone, std::int64_t first, std::int64_t minutes);

inline constexpr std::int64_t kDay = 1440;  // minutes
inline constexpr std::int64_t kLead = 2 * kDay;

/// Microseconds, sorted; nothing of the first `kLead` minutes, which only set the scene.
std::vector<std::int64_t> reference_firings(const Drawn& drawn, const Clocks& clocks);

}  // namespace scanflow::schedule
