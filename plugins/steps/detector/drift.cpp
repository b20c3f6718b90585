#include "plugins/steps/detector/drift.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace scanflow::detector {
namespace {

/// Logarithm of the beta function.
double log_beta(double a, double b) { return std::lgamma(a) + std::lgamma(b) - std::lgamma(a + b); }

}  // namespace

Threshold threshold_of(std::vector<float> errors, double quantile) {
  const auto of = static_cast<std::int64_t>(errors.size());
  const auto rank =
      static_cast<std::int64_t>(std::ceil(quantile * static_cast<double>(of + 1) - 1e-9));
  if (rank > of) {
    throw std::runtime_error(fmt::format(
        "{} validation digits are too few for the quantile {}: give at least {:.0f}, or lower the "
        "quantile",
        of, quantile, std::ceil(1 / (1 - quantile) - 1e-9) - 1));
  }
  const std::int64_t at = std::max<std::int64_t>(rank, 1);
  std::nth_element(errors.begin(), errors.begin() + (at - 1), errors.end());
  return {errors[static_cast<std::size_t>(at - 1)], at, of};
}

double chance_of(std::int64_t outliers, std::int64_t count, const Threshold& threshold) {
  if (outliers <= 0) return 1;
  const auto n = static_cast<double>(count);
  const auto a = static_cast<double>(threshold.of + 1 - threshold.rank);
  const auto b = static_cast<double>(threshold.rank);
  const auto log_probability = [&](double k) {
    return -std::log(n + 1) - log_beta(k + 1, n - k + 1) + log_beta(k + a, n - k + b) -
           log_beta(a, b);
  };
  // The smaller side is summed, from where it is greatest: its terms fall to nothing.
  const double mean = n * a / (a + b);
  const bool above = static_cast<double>(outliers) > mean;
  double sum = 0;
  const std::int64_t step = above ? 1 : -1;
  for (std::int64_t k = above ? outliers : outliers - 1; k >= 0 && k <= count; k += step) {
    const double term = std::exp(log_probability(static_cast<double>(k)));
    sum += term;
    if (term < sum * 1e-12) break;
  }
  return std::clamp(above ? sum : 1 - sum, 0.0, 1.0);
}

}  // namespace scanflow::detector
