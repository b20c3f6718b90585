#include "engine/schedule/due.hpp"

#include <algorithm>

namespace scanflow::schedule {
namespace {

constexpr std::int64_t kHourUs = 3'600'000'000;
/// Firings in a window of one hour, and in each of those it doubles to, while fewer than kMostMissed
/// were in the one before: a schedule fires once a minute at most.
constexpr std::size_t kMostInWindow = 2 * kMostMissed + 120;

/// The newest kMostMissed of them, in order.
std::vector<std::int64_t> newest(const Schedule& schedule, std::int64_t from_us,
                                 std::int64_t to_us) {
  std::vector<std::int64_t> found;
  for (std::int64_t window_us = kHourUs;; window_us *= 2) {
    const std::int64_t begin_us = std::max(from_us, to_us - window_us);
    found = firings(schedule, begin_us, to_us, kMostInWindow);
    if (begin_us == from_us || found.size() >= kMostMissed) break;
  }
  if (found.size() > kMostMissed) found.erase(found.begin(), found.end() - kMostMissed);
  return found;
}

}  // namespace

std::vector<std::int64_t> due(const Schedule& schedule, const Policy& policy, std::int64_t since_us,
                              std::int64_t now_us) {
  if (now_us <= since_us) return {};
  std::int64_t oldest_us = since_us;
  if (policy.deadline_us > 0) oldest_us = std::max(oldest_us, now_us - policy.deadline_us - 1);
  if (policy.catch_up == CatchUp::none) oldest_us = std::max(oldest_us, now_us - kOnTimeUs - 1);
  std::vector<std::int64_t> found = newest(schedule, oldest_us, now_us);
  const bool missed = !found.empty() && now_us - found.front() > kOnTimeUs;
  if (policy.catch_up == CatchUp::last && missed) found.erase(found.begin(), found.end() - 1);
  return found;
}

}  // namespace scanflow::schedule
