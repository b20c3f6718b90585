#include "sidecar/execute/hold.hpp"

#include <algorithm>

namespace scanflow::execute {
namespace {

constexpr std::int64_t kLongestStopUs = 5'000'000;

}  // namespace

void Hold::throttle(double share, const Lease& lease, std::int64_t now_us) {
  if (!throttle_ && stopped_) stop_us_ = 0;
  if (!throttle_ && !stopped_) turned_us_ = now_us;
  throttle_ = lease;
  share_ = share;
}

void Hold::turned(bool stopped, std::int64_t now_us) {
  if (throttle_ && stopped && !stopped_) {
    const auto ran_us = static_cast<double>(now_us - turned_us_);
    const double due_us = ran_us * (1 - share_) / share_;
    stop_us_ = static_cast<std::int64_t>(std::min(due_us, double{kLongestStopUs}));
  }
  stopped_ = stopped;
  turned_us_ = now_us;
}

bool Hold::shall_stop(std::int64_t now_us) const {
  if (pause_ && pause_->how == How::signals) return true;
  if (!throttle_ || throttle_->how != How::signals) return false;
  return (now_us < turn_due_us()) == stopped_;
}

std::int64_t Hold::wake_us(std::int64_t now_us) const {
  std::int64_t wake = kNever;
  if (pause_) wake = std::min(wake, pause_->until_us);
  if (!throttle_) return wake;
  wake = std::min(wake, throttle_->until_us);
  const bool cycles = throttle_->how == How::signals && !(pause_ && pause_->how == How::signals);
  return cycles ? std::min(wake, std::max(now_us, turn_due_us())) : wake;
}

/// When a throttle stops or continues it next.
std::int64_t Hold::turn_due_us() const {
  return turned_us_ + (stopped_ ? stop_us_ : static_cast<std::int64_t>(share_ * kPeriodUs));
}

}  // namespace scanflow::execute
