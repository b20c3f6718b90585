#include "engine/schedule/schedule.hpp"

#include <algorithm>
#include <chrono>

namespace scanflow::schedule {
namespace {

using std::chrono::local_seconds;
using std::chrono::microseconds;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::sys_seconds;
using std::chrono::sys_time;

constexpr std::chrono::days kAhead(41 * 366);
/// More than all offsets are apart (of zones and ages, some 32 hours): what clocks showed before
/// then, none shows again.
constexpr std::chrono::days kBack(2);
constexpr sys_seconds kBegin = sys_days(std::chrono::year(1900) / 1 / 1);
constexpr sys_seconds kEnd = sys_days(std::chrono::year(2300) / 1 / 1);

local_seconds local(sys_seconds time, seconds offset) {
  return local_seconds(time.time_since_epoch() + offset);
}
sys_seconds utc(local_seconds time, seconds offset) {
  return sys_seconds(time.time_since_epoch() - offset);
}

/// The first firing within [from, end).
std::optional<sys_seconds> next_repeating(const Schedule& schedule, sys_seconds from,
                                          sys_seconds end) {
  while (from < end) {
    const Period period = schedule.zone.period_from(from);
    const sys_seconds until = std::min(period.end, end);
    const auto found = schedule.cron.next(local(from, period.offset), local(until, period.offset));
    if (found) return utc(*found, period.offset);
    from = until;
  }
  return std::nullopt;
}

/// The same. `reached`: clocks have shown all local times before it, or skipped them.
std::optional<sys_seconds> next_fixed(const Schedule& schedule, sys_seconds from, sys_seconds end) {
  local_seconds reached = local_seconds::min();
  for (sys_seconds begin = from - kBack; begin < end;) {
    const Period period = schedule.zone.period_from(begin);
    const sys_seconds until = std::min(period.end, end);
    const local_seconds shown = local(begin, period.offset);
    const bool skips = begin >= from && reached < shown;
    if (skips && schedule.cron.next(reached, shown)) return begin;
    const auto found =
        schedule.cron.next(std::max(reached, local(std::max(begin, from), period.offset)),
                           local(until, period.offset));
    if (found) return utc(*found, period.offset);
    reached = std::max(reached, local(until, period.offset));
    begin = until;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> next_after(const Schedule& schedule, std::int64_t after_us) {
  const sys_time<microseconds> after{microseconds(after_us)};
  if (after >= kEnd) return std::nullopt;
  const sys_seconds from = std::max(kBegin, std::chrono::floor<seconds>(after) + seconds(1));
  const sys_seconds end = std::min<sys_seconds>(kEnd, from + kAhead);
  const auto found = schedule.cron.repeats() ? next_repeating(schedule, from, end)
                                             : next_fixed(schedule, from, end);
  if (!found) return std::nullopt;
  return microseconds(found->time_since_epoch()).count();
}

std::vector<std::int64_t> firings(const Schedule& schedule, std::int64_t from_us,
                                  std::int64_t to_us, std::size_t limit) {
  std::vector<std::int64_t> found;
  for (auto next = next_after(schedule, from_us); next && *next <= to_us && found.size() < limit;
       next = next_after(schedule, *next)) {
    found.push_back(*next);
  }
  return found;
}

}  // namespace scanflow::schedule
