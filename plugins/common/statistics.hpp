// What counts say of shares. Pure.
#pragma once

#include <algorithm>
#include <cmath>

namespace scanflow::strategies {

/// Is the true share of failures surely above `limit`? Of one that is not this is said by a chance of at most `chance`, however
/// often it is asked as the counts grow. Source: A. Wald, "Sequential tests of statistical hypotheses", 1945: the ratio test of
/// twice the limit against the limit.
inline bool surely_above(double failed, double count, double limit, double chance) {
  if (!(failed > 0) || limit >= 1) return false;
  if (limit <= 0) return true;
  const double worse = std::min(2 * limit, (1 + limit) / 2);
  const double ratio =
      failed * std::log(worse / limit) + (count - failed) * std::log((1 - worse) / (1 - limit));
  return ratio >= std::log(1 / chance);
}

/// How many standard deviations the share of `a` lies above that of `b`, each of so many.
inline double above(double share_a, double count_a, double share_b, double count_b) {
  const double pooled = (share_a * count_a + share_b * count_b) / (count_a + count_b);
  const double deviation = std::sqrt(pooled * (1 - pooled) * (1 / count_a + 1 / count_b));
  if (deviation > 0) return (share_a - share_b) / deviation;
  return share_a > share_b ? 1e9 : 0;
}

}  // namespace scanflow::strategies
