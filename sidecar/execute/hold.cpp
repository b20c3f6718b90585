#include "sidecar/execute/hold.hpp"

#include <algorithm>

namespace scanflow::execute {

bool Hold::stopped(std::int64_t now_us) const {
  if (pause_ && pause_->how == How::signals) return true;
  if (!throttle_ || throttle_->how != How::signals) return false;
  const auto runs_us = static_cast<std::int64_t>(share_ * kPeriodUs);
  return (now_us - began_us_) % kPeriodUs >= runs_us;
}

std::int64_t Hold::wake_us(std::int64_t now_us) const {
  std::int64_t wake = kNever;
  if (pause_) wake = std::min(wake, pause_->until_us);
  if (!throttle_) return wake;
  wake = std::min(wake, throttle_->until_us);
  const bool cycles = throttle_->how == How::signals && !(pause_ && pause_->how == How::signals);
  if (!cycles) return wake;
  const auto runs_us = static_cast<std::int64_t>(share_ * kPeriodUs);
  const std::int64_t at_us = (now_us - began_us_) % kPeriodUs;
  return std::min(wake, now_us + (at_us < runs_us ? runs_us : kPeriodUs) - at_us);
}

}  // namespace scanflow::execute
