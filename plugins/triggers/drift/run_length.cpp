#include "plugins/triggers/drift/run_length.hpp"

#include <cmath>

namespace scanflow::triggers {
namespace {

constexpr double kOvershoot = 1.166;
constexpr double kLargest = 1e300;  // samples: never

/// How wrong an estimate may be, in deviations.
struct Mistake {
  double mean = 0;
  double deviation = 0;  // the estimate is too small by this share
};

/// The likeliest mistake among those that one reference in ten exceeds. To first order the logarithm of the run length
/// falls with the mistake of the mean (of deviation 1/sqrt(n)) by 2h, with that of the deviation (1/sqrt(2n)) by 4h delta.
Mistake mistake_of(const FalseAlarms& wanted) {
  if (wanted.reference == 0) return {};
  const double quantile = wanted.both ? 1.6449 : 1.2816;  // of the normal: 0.95, 0.9
  const double one = quantile / std::sqrt(static_cast<double>(wanted.reference)) /
                     std::sqrt(1 + 2 * wanted.delta * wanted.delta);
  return {one, one * wanted.delta};
}

}  // namespace

double run_length(double drift, double threshold) {
  const double b = threshold + kOvershoot;
  const double x = -2 * drift * b;
  if (std::abs(x) < 1e-4) return b * b;
  if (x > 600) return kLargest;
  return (std::exp(x) - 1 - x) / (2 * drift * drift);
}

double threshold_of(const FalseAlarms& wanted) {
  const Mistake mistake = mistake_of(wanted);
  const double shrunk = 1 - mistake.deviation;
  const auto alarms = [&](double threshold) {  // a sample
    const double delta = wanted.delta * shrunk, h = threshold * shrunk;
    const double worse = 1 / run_length(mistake.mean - delta, h);
    return wanted.both ? worse + 1 / run_length(-mistake.mean - delta, h) : worse;
  };
  double low = 0, high = 1;
  while (alarms(high) * wanted.samples > 1 && high < 1e6) high *= 2;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (alarms(middle) * wanted.samples > 1 ? low : high) = middle;
  }
  return high;
}

bool is_told_by_reference(const FalseAlarms& wanted) {
  const Mistake mistake = mistake_of(wanted);
  return mistake.mean < wanted.delta * (1 - mistake.deviation);
}

}  // namespace scanflow::triggers
