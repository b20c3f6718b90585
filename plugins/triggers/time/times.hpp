// When triggers of time fire. Pure: no clock is read; times are microseconds since 1970-01-01 UTC. No header of the host's: a
// plugin's Error is not the host's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace scanflow::triggers {

/// Of firings that nobody was there for (the agent was away, or the machine slept).
enum class Missed : std::uint8_t {
  skip,  // they are left out
  once,  // the newest one is made up for
  all,   // each one, the newest 100 at most
};

class Times {
 public:
  virtual ~Times() = default;
  /// The firings after `since_us` up to `now_us` that are due now, in order. Its cost does not grow with the time between.
  virtual std::vector<std::int64_t> due(Missed missed, std::int64_t since_us,
                                        std::int64_t now_us) const = 0;
  virtual std::optional<std::int64_t> next_after(std::int64_t now_us) const = 0;
};

/// Every so often from `begin_us` on. Each firing is late by a time of its own, below `jitter_us`, the same for the same
/// `seed`.
struct Interval {
  std::int64_t begin_us = 0;
  std::int64_t every_us = 1'000'000;  // above 0
  std::int64_t jitter_us = 0;         // at most every_us
  std::optional<std::int64_t> end_us = std::nullopt;
  std::uint64_t seed = 0;
};
std::unique_ptr<Times> times_of(const Interval& interval);
/// The same for the same text, on any machine.
std::uint64_t seed_of(std::string_view text);
/// Once.
std::unique_ptr<Times> times_of(std::int64_t moment_us);
/// As schedules of pipelines have it (engine/schedule/cron.hpp). Throws std::invalid_argument: of the expression.
std::unique_ptr<Times> times_of(const std::string& cron, const std::string& zone);
/// Throws std::invalid_argument where there is none of this name.
void check_zone(const std::string& zone);

/// "2026-03-01T06:00:00Z", "2026-03-01T06:00:00+02:00", or in `zone`: "2026-03-01 06:00", "2026-03-01". Of a local time that
/// a change of clocks skips, the moment of the change; of one that comes twice, the first. Throws std::invalid_argument.
std::int64_t parse_moment(const std::string& text, const std::string& zone);

}  // namespace scanflow::triggers
