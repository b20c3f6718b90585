// How long the requests of a service take of late, from histograms of all of them. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>

#include "engine/infer/histogram.hpp"

namespace scanflow::services {

class RecentLatency {
 public:
  static constexpr std::int64_t kWindowUs = 60'000'000, kEachUs = 10'000'000;

  /// `total`: of all requests until now. Gives those of the last minute, to ten seconds. Where there are fewer than before,
  /// it began anew.
  infer::Histogram of(const infer::Histogram& total, std::int64_t now_us);

 private:
  std::deque<std::pair<std::int64_t, infer::Histogram>> before_;  // what it was then, oldest first
};

}  // namespace scanflow::services
