// Has the mean of a series changed? Sequential tests, one sample after the other. Pure; times are microseconds since
// 1970-01-01 UTC.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>

namespace scanflow::triggers {

/// Both sum up how far samples are from the mean, in deviations, less delta: S = max(0, S + z - delta) for up, the same
/// with -z for down. An alarm is S >= threshold; it began after S was 0 for the last time (its maximum likelihood estimate).
enum class Method : std::uint8_t {
  cusum,  // from the mean of the reference, once and for all. Source: E. S. Page, 1954
  page_hinkley,  // from the mean of all samples so far. Source: Page, 1954; D. V. Hinkley, 1971. Standardised as the
  // self-starting cusum is: D. M. Hawkins, 1987, with D. L. Wallace's normal approximation of t, 1959
};
enum class Direction : std::uint8_t { up, down, both };

/// A sample counts this much at most, in deviations: one that is far out is no drift.
inline constexpr double kMostDeviations = 4;

struct Law {
  Method method = Method::cusum;
  Direction direction = Direction::both;
  double delta = 0.5;                     // deviations
  double threshold = 8;                   // deviations
  std::int64_t reference = 100;           // so many samples say what mean and deviation are
  std::optional<double> mean, deviation;  // given: cusum learns none
  bool relearn = true;  // from the samples after an alarm; else it alarms again after S was 0
};

struct Alarm {
  bool up = true;
  double mean = 0, deviation = 0;  // what it is compared with
  double statistic = 0;            // S
  std::int64_t since_us = 0;       // the first sample after the change
  std::int64_t samples = 0;        // since it began, or learned anew
  std::int64_t left_out = 0;       // of them: no number, or late
};

/// One series. Samples whose time is not after the newest, and what is no finite number, are left out. Where all samples
/// of the reference were equal, each other value counts kMostDeviations.
class Change {
 public:
  static Change read(const nlohmann::json& state);
  nlohmann::json state() const;  // about 150 bytes

  std::optional<Alarm> take(const Law& law, std::int64_t time_us, double value);
  std::int64_t newest_us() const { return newest_us_; }

 private:
  struct Sum {
    double value = 0;
    std::int64_t since_us = 0;
    bool alarmed = false;  // and was not 0 since
  };
  bool is_given(const Law& law) const { return law.mean.has_value() && !anew_; }
  void learn(double value);
  double deviation() const;
  double deviations(const Law& law, double value) const;
  /// Is there an alarm?
  static bool add(Sum& sum, double step, double threshold, std::int64_t time_us);
  Alarm alarm(const Law& law, const Sum& sum) const;

  std::int64_t newest_us_ = INT64_MIN;
  std::int64_t samples_ = 0, left_out_ = 0;
  std::int64_t learned_ = 0;      // samples
  double mean_ = 0, square_ = 0;  // of these; the sum of squared distances from it (Welford, 1962)
  bool anew_ = false;             // what was given holds no more
  Sum up_, down_;
};

}  // namespace scanflow::triggers
