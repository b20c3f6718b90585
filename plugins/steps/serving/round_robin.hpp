// Smooth weighted round robin, as nginx has it (I. Sysoev, 2012): each turn every candidate gains its
// weight, the highest is chosen and loses the sum. Over a period each is chosen as often as its
// weight says, and as evenly spread as can be. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "plugins/common/random.hpp"

namespace scanflow::serving {

class RoundRobin {
 public:
  /// weights: none below 0, at least one above. `seed` chooses where in the period it begins, so that
  /// routers beside each other do not all begin with the same candidate.
  RoundRobin(std::vector<std::int64_t> weights, std::uint64_t seed)
      : weights_(std::move(weights)), state_(weights_.size()) {
    const std::int64_t divisor =
        std::reduce(weights_.begin(), weights_.end(), std::int64_t{0},
                    [](std::int64_t a, std::int64_t b) { return std::gcd(a, b); });
    for (std::int64_t& weight : weights_) total_ += weight /= divisor;
    constexpr std::uint64_t kMostSkipped = 1'000;  // of a long period: enough to differ
    const auto period = static_cast<std::uint64_t>(total_);
    auto skipped = data::Random(seed).below(period < kMostSkipped ? period : kMostSkipped);
    for (; skipped > 0; --skipped) next();
  }

  /// The index of the one whose turn it is.
  std::size_t next() {
    std::size_t best = 0;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      state_[i] += weights_[i];
      if (state_[i] > state_[best]) best = i;
    }
    state_[best] -= total_;
    return best;
  }

 private:
  std::vector<std::int64_t> weights_, state_;
  std::int64_t total_ = 0;
};

}  // namespace scanflow::serving
