// How often a cumulative sum alarms where nothing has changed, and from which threshold on as seldom as is wanted. Pure.
#pragma once

#include <cstdint>

namespace scanflow::triggers {

/// Average run length (samples up to an alarm) of the one-sided sum S = max(0, S + x), x normal of mean `drift` and
/// deviation 1, alarm at S >= threshold. Source: D. Siegmund, Sequential Analysis, 1985: a Wiener process whose
/// threshold is higher by 1.166, which makes up for how far a sum in steps goes beyond it.
double run_length(double drift, double threshold);

struct FalseAlarms {
  double samples = 10'000;  // one in so many, on average
  double delta = 0.5;       // what the sums leave out of each sample, in deviations
  bool both = true;  // two sums, up and down: their rates of alarms add up (K. W. Kemp, 1961)
  std::int64_t reference =
      0;  // mean and deviation are estimates from so many samples; 0: they are known
};

/// The threshold, in deviations. Estimates are wrong, and a mean that is off by 0.1 deviations may alarm ten times as
/// often: the threshold is the one which holds for the worse of them too, all but one reference in ten (guaranteed
/// conditional performance: A. Gandy, J. T. Kvaloey, 2013; here to first order in 1/sqrt(reference), no bootstrap).
double threshold_of(const FalseAlarms& wanted);

/// The reference is long enough to tell no drift from one of delta; else no threshold of use holds for the worse ones.
bool is_told_by_reference(const FalseAlarms& wanted);

}  // namespace scanflow::triggers
