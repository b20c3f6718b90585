#include "plugins/triggers/drift/change.hpp"

#include <algorithm>
#include <cmath>

namespace scanflow::triggers {
namespace {

/// Beyond it squares overflow.
constexpr double kLargestValue = 1e150;

/// Of Student's t with `freedom` degrees, a normal variate of the same probability. Source: Wallace, 1959.
double normal_of(double t, double freedom) {
  const double z = std::sqrt(freedom * std::log1p(t * t / freedom));
  return std::copysign(z * (8 * freedom + 1) / (8 * freedom + 3), t);
}

}  // namespace

Change Change::read(const nlohmann::json& state) {
  Change change;
  change.newest_us_ = state.at(0);
  change.samples_ = state.at(1);
  change.left_out_ = state.at(2);
  change.learned_ = state.at(3);
  change.mean_ = state.at(4);
  change.square_ = state.at(5);
  change.anew_ = state.at(6) != 0;
  change.up_ = {state.at(7), state.at(8), state.at(9) != 0};
  change.down_ = {state.at(10), state.at(11), state.at(12) != 0};
  return change;
}

nlohmann::json Change::state() const {
  return {newest_us_,  samples_,       left_out_,         learned_,     mean_,
          square_,     int{anew_},     up_.value,         up_.since_us, int{up_.alarmed},
          down_.value, down_.since_us, int{down_.alarmed}};
}

void Change::learn(double value) {
  ++learned_;
  const double off = value - mean_;
  mean_ += off / static_cast<double>(learned_);
  square_ += off * (value - mean_);
}

double Change::deviation() const {
  return learned_ < 2 ? 0 : std::sqrt(square_ / static_cast<double>(learned_ - 1));
}

/// How far the value is from the mean.
double Change::deviations(const Law& law, double value) const {
  const double mean = is_given(law) ? *law.mean : mean_;
  const double deviation = is_given(law) ? *law.deviation : this->deviation();
  const double off = value - mean;
  if (off == 0) return 0;
  if (deviation == 0) return std::copysign(kMostDeviations, off);
  double z = off / deviation;
  if (law.method == Method::page_hinkley) {
    const auto count = static_cast<double>(learned_);
    z = normal_of(z / std::sqrt(1 + 1 / count), count - 1);
  }
  return std::clamp(z, -kMostDeviations, kMostDeviations);
}

bool Change::add(Sum& sum, double step, double threshold, std::int64_t time_us) {
  sum.value += step;
  if (sum.value <= 0) {
    sum = {};
    return false;
  }
  if (sum.since_us == 0) sum.since_us = time_us;
  if (sum.value < threshold) return false;
  if (!sum.alarmed) return true;
  sum.value = threshold;  // or it would be long until it is 0
  return false;
}

Alarm Change::alarm(const Law& law, const Sum& sum) const {
  const bool given = is_given(law);
  return {&sum == &up_,
          given ? *law.mean : mean_,
          given ? *law.deviation : deviation(),
          sum.value,
          sum.since_us,
          samples_,
          left_out_};
}

std::optional<Alarm> Change::take(const Law& law, std::int64_t time_us, double value) {
  if (time_us <= newest_us_ || !(std::abs(value) <= kLargestValue)) {
    ++left_out_;
    return std::nullopt;
  }
  newest_us_ = time_us;
  ++samples_;
  if (!is_given(law) && learned_ < law.reference) {
    learn(value);
    return std::nullopt;
  }
  const double z = deviations(law, value);
  std::optional<Alarm> found;
  for (Sum* const sum : {&up_, &down_}) {
    if (law.direction == (sum == &up_ ? Direction::down : Direction::up)) continue;
    if (!add(*sum, (sum == &up_ ? z : -z) - law.delta, law.threshold, time_us)) continue;
    found = alarm(law, *sum);
    sum->alarmed = true;
    sum->value = law.threshold;
  }
  // One that is far out says nothing of the mean.
  if (law.method == Method::page_hinkley && std::abs(z) < kMostDeviations) learn(value);
  if (found && law.relearn) {
    *this = {};
    newest_us_ = time_us;
    anew_ = true;
  }
  return found;
}

}  // namespace scanflow::triggers
