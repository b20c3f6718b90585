// Words that all of engine/knowledge shares. Times are microseconds of the wall clock since
// 1970-01-01 UTC; they are handed in, nothing here reads a clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace scanflow::knowledge {

enum class Kind : std::uint8_t {
  gauge,    // any value
  counter,  // grows from 0, finite; a smaller value means that its source began anew at 0
};

/// A series that was added: the short name under which samples arrive. Not used again after the
/// series has expired.
struct SeriesId {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  friend bool operator==(const SeriesId&, const SeriesId&) = default;
};

struct Sample {
  std::int64_t time_us = 0;
  double value = 0;
};

struct SeriesSample {
  SeriesId series;
  Sample sample;
};

enum class Outcome : std::uint8_t {
  accepted,
  late,     // at or before the newest of its series (samples are not sorted in), or older than
            // anything that is kept
  future,   // further ahead of `now` than Options::future_us
  invalid,  // of a counter: negative, infinite or NaN
  unknown,  // the series has expired, or never was: add it again
};
inline constexpr std::size_t kOutcomes = 5;

/// Raw samples, short buckets, long buckets.
inline constexpr std::size_t kTiers = 3;

struct Options {
  /// All memory that the object holds, however many samples arrive; at least 1 MiB. Copies that
  /// queries work on come on top, for as long as they run.
  std::size_t budget_bytes = std::size_t{64} << 20;
  std::size_t max_series = 100'000;  // or fewer, where a quarter of the budget cannot name as many
  std::size_t max_series_per_name = 10'000;
  /// How wide the buckets are into which older samples are put together.
  std::int64_t short_us = 30'000'000;
  std::int64_t long_us = 300'000'000;
  /// How long raw samples, short and long buckets are kept; less where memory runs out.
  std::int64_t keep_raw_us = std::int64_t{15} * 60'000'000;
  std::int64_t keep_short_us = std::int64_t{3} * 3'600'000'000;
  std::int64_t keep_long_us = std::int64_t{24} * 3'600'000'000;
  /// A series to which nothing was added for so long is forgotten, with all that it has.
  std::int64_t idle_us = 3'600'000'000;
  std::int64_t future_us = 60'000'000;
};

}  // namespace scanflow::knowledge
