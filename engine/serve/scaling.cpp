#include "engine/serve/scaling.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sdk/base/units.hpp"

namespace scanflow::serve {
namespace {

constexpr std::int64_t kAveragedUs = 1'000'000;

}  // namespace

void Scaling::set_rule(const ScalingRule& rule) {
  rule_ = rule;
  wanted_ = std::clamp(wanted_, rule_.min, rule_.max);
}

void Scaling::begin_with(std::size_t count, std::int64_t now_us) {
  wishes_ = {{now_us, count}};
  wanted_ = std::clamp(count, rule_.min, rule_.max);
}

std::size_t Scaling::decide(std::int64_t now_us, std::uint64_t busy_us) {
  samples_.push_back({now_us, busy_us});
  while (samples_.size() > 2 && now_us - samples_[1].at_us >= kAveragedUs) samples_.pop_front();
  // Of a second that has not passed yet the rest was quiet.
  const Sample& before = samples_.front();
  average_ = static_cast<double>(busy_us - before.busy_us) /
             static_cast<double>(std::max(kAveragedUs, now_us - before.at_us));
  const auto wish = static_cast<std::size_t>(
      std::min(std::ceil(average_ / rule_.target), static_cast<double>(rule_.max)));
  while (!wishes_.empty() && wishes_.back().count <= wish) wishes_.pop_back();
  wishes_.push_back({now_us, wish});
  while (now_us - wishes_.front().at_us > rule_.stabilization_us) wishes_.pop_front();
  return wanted_ = std::clamp(wishes_.front().count, rule_.min, rule_.max);
}

std::string Scaling::text(std::size_t before) const {
  std::string count = fmt::format("{} replica{} now", wanted_, wanted_ == 1 ? "" : "s");
  if (rule_.min == rule_.max) return count;
  if (wanted_ < before) {
    return fmt::format("{}: more were not needed for {}", count,
                       format_duration(rule_.stabilization_us));
  }
  const double average = std::ceil(average_ * 10 - 1e-6) / 10;  // 4.04 asks for more than 4 does
  return fmt::format("{}: {:g} requests on their way, {:g} each", count, average, rule_.target);
}

}  // namespace scanflow::serve
