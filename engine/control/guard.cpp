#include "engine/control/guard.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sdk/base/units.hpp"

namespace scanflow::control {
namespace {

constexpr std::int64_t kHourUs = 3'600'000'000;
constexpr std::size_t kMostKept = 4000;  // max_per_hour is 3600 at most

}  // namespace

std::string GuardState::why_not(const pipeline::RuleGuard& guard, std::int64_t now_us) const {
  if (asked_us_.empty()) return {};
  // A clock that was set back makes nobody wait for longer.
  const std::int64_t last_us = std::min(asked_us_.back(), now_us);
  const std::int64_t left_us = last_us + guard.cooldown_us - now_us;
  if (left_us > 0) return fmt::format("it cools down for {} more", format_duration(left_us));
  const auto lately = std::count_if(asked_us_.begin(), asked_us_.end(),
                                    [&](std::int64_t at) { return now_us - at < kHourUs; });
  if (static_cast<double>(lately) + 1 <= guard.max_per_hour) return {};
  return fmt::format("it has asked for something {} times within the last hour, and may {:g} times",
                     lately, guard.max_per_hour);
}

void GuardState::note(std::int64_t now_us) {
  forget(now_us);
  asked_us_.push_back(now_us);
}

void GuardState::forget(std::int64_t now_us) {
  while (asked_us_.size() > 1 && (now_us - asked_us_[0] >= kHourUs || asked_us_.size() > kMostKept))
    asked_us_.pop_front();
}

GuardState GuardState::from_json(const nlohmann::json& document) {
  GuardState state;
  for (const auto& each : document)
    if (each.is_number_integer()) state.asked_us_.push_back(each);
  return state;
}

}  // namespace scanflow::control
