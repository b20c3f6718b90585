// So many requests a second to an API server, and a few at once: a token bucket. Pure; it is told the time.
#pragma once

#include <algorithm>
#include <cstdint>

namespace scanflow::kube {

struct Rate {
  double per_s = 50;
  double burst = 100;
};

class Limiter {
 public:
  Limiter(Rate rate, std::int64_t now_us) : rate_(rate), tokens_(rate.burst), at_us_(now_us) {}

  /// Takes one; how long to wait before it is used. Whoever comes later waits longer.
  std::int64_t take(std::int64_t now_us) {
    refill(now_us);
    tokens_ -= 1;
    return tokens_ >= 0 ? 0 : static_cast<std::int64_t>(-tokens_ * 1'000'000 / rate_.per_s);
  }
  /// The same, but nobody waits: none is taken where there is none. False: there is none.
  bool try_take(std::int64_t now_us) {
    refill(now_us);
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }
  /// The server is busy: nobody asks again before.
  void hold(std::int64_t now_us, std::int64_t wait_us) {
    const double debt = static_cast<double>(wait_us) * rate_.per_s / 1'000'000;
    tokens_ = std::min(tokens_, 0.0) - debt;
    at_us_ = now_us;
  }

 private:
  void refill(std::int64_t now_us) {
    tokens_ = std::min(rate_.burst,
                       tokens_ + static_cast<double>(now_us - at_us_) * rate_.per_s / 1'000'000);
    at_us_ = now_us;
  }
  Rate rate_;
  double tokens_;
  std::int64_t at_us_;
};

}  // namespace scanflow::kube
