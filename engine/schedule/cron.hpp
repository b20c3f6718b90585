// A cron expression: which minutes of a local calendar it names. Pure: knows no zone, reads no
// clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "sdk/base/result.hpp"

namespace scanflow::schedule {

/// minute (0-59), hour (0-23), day-of-month (1-31, L), month (1-12, jan-dec), day-of-week (0-7,
/// sun-sat; 0 and 7 are Sunday), or @hourly, @daily, @midnight, @weekly (Sunday), @monthly, @yearly,
/// @annually. `L` is the month's last day. Words in any case.
///
/// As in Vixie's cron, a day is named if both day fields name it, one of them holding a `*` (also
/// `*/2`); where neither does ("0 0 13 * fri"), if either names it.
class Cron {
 public:
  /// An error names the field, the bad part, what is allowed and an example. A day that no month
  /// named has (30 February) is an error too: what parses fires at least once in 40 years.
  static Result<Cron> parse(std::string_view expression);

  /// The first minute named that begins at or after `from` and before `end`. Costs a few
  /// nanoseconds for each day of named months in between, and none for other months.
  std::optional<std::chrono::local_seconds> next(std::chrono::local_seconds from,
                                                 std::chrono::local_seconds end) const;

  /// True where minute or hour hold a `*` or a step: then it says how often, else at what time.
  bool repeats() const { return repeats_; }

 private:
  bool names_month(std::chrono::month month) const;
  bool names_day(const std::chrono::year_month_day& date) const;
  std::optional<std::chrono::minutes> next_in_day(std::chrono::minutes from) const;
  bool can_fire() const;

  std::uint64_t minutes_ = 0;  // bit n: the value n, in all of these
  std::uint64_t hours_ = 0;
  std::uint64_t days_ = 0;
  std::uint64_t months_ = 0;
  std::uint64_t weekdays_ = 0;  // Sunday is 0
  bool last_day_ = false;
  bool either_day_ = false;  // day-of-month or day-of-week, not: and
  bool repeats_ = false;
};

}  // namespace scanflow::schedule
