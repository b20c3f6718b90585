// When is an error high, and when are there too many high ones? Pure.
#pragma once

#include <cstdint>
#include <vector>

namespace scanflow::detector {

/// An error above `value` is an outlier's. It is the `rank`-th smallest of `of` errors on validation
/// digits.
struct Threshold {
  double value = 0;
  std::int64_t rank = 0, of = 0;

  /// Of digits of the same kind, the share that is expected above it.
  double expected_share() const {
    return static_cast<double>(of + 1 - rank) / static_cast<double>(of + 1);
  }
};

/// The quantile (0 to 1) of these errors. Throws std::runtime_error where there are too few to tell it
/// from their greatest: fewer than 1 / (1 - quantile) - 1.
Threshold threshold_of(std::vector<float> errors, double quantile);

/// How likely at least `outliers` of `count` digits are above the threshold where nothing has changed.
/// Exact, whatever errors look like: as the threshold is itself the rank-th of a sample, that number is
/// beta-binomial (a binomial whose share is Beta(of + 1 - rank, rank); with many validation digits, as
/// good as a binomial with the expected share). A plain binomial test would take the threshold's own
/// error for drift. Source: S. S. Wilks, Statistical prediction with special reference to the problem
/// of tolerance limits, 1942.
double chance_of(std::int64_t outliers, std::int64_t count, const Threshold& threshold);

}  // namespace scanflow::detector
