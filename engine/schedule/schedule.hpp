// When a pipeline's schedule fires. Pure: no clock is read; times are microseconds since 1970-01-01
// UTC.
//
// Where clocks are changed (daylight saving, or a country moving to another zone):
// - Fixed times, where minute and hour hold only numbers, lists and ranges ("30 2 * * *"), fire
//   once for each time named: at the first instant at which the local clock shows that time or a
//   later one. So a time that a change skips fires when the skip ends, together with others that
//   it skips, once; a time that comes twice fires the first time.
// - Repeating ones, with a `*` or a step in minute or hour ("*/15 * * * *", "0 */2 * * *"), go on by
//   elapsed time: they fire whenever the local clock shows a time named, in both passes of an hour
//   that comes twice, and not at times skipped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/schedule/cron.hpp"
#include "engine/schedule/zone.hpp"

namespace scanflow::schedule {

struct Schedule {
  Cron cron;
  Zone zone;
};

/// The first firing strictly after `after_us`; always a whole second, and a whole minute wherever
/// the zone's offset is one. Looks 41 years ahead, since 29 February comes back to the same weekday
/// after at most 40, and only from 1900 to 2299; none beyond that.
std::optional<std::int64_t> next_after(const Schedule& schedule, std::int64_t after_us);

/// All firings after `from_us` up to and including `to_us`, in order, at most the first `limit`:
/// what was missed between two looks at the clock. With INT64_MAX as `to_us`: the next few.
std::vector<std::int64_t> firings(const Schedule& schedule, std::int64_t from_us,
                                  std::int64_t to_us, std::size_t limit);

}  // namespace scanflow::schedule
