// What one can ask about recent metrics, and what is answered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/knowledge/bucket.hpp"
#include "engine/knowledge/types.hpp"
#include "sdk/base/label_selector.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::knowledge {

/// Over all samples later than `now - window`, up to and including `now`, of all series that match:
///   last      the newest sample, NaN included; of several with the same time that of the series
///             that was added first
///   avg, min, max, sum   of all samples, each with the same weight, whichever series it is of
///   increase  by how much counters grew, added up over the series. Of each: from its newest sample
///             at or before the window's beginning, else (there is none) from the first within, to
///             the last one. A smaller value means that the counter began anew at 0. Nothing is
///             extrapolated: so windows that follow each other add up to what one over both says
///   rate      increase, divided by the whole window: 1/s. Of a series younger than the window
///             it is less than what it grows by
///   quantile  of all samples, between two of them linear (as numpy does)
/// NaN has no part in them but for last. Infinities count as arithmetic has it.
///
/// Where older samples have become buckets: a bucket belongs to a window whole, if its newest sample
/// does. For quantiles it stands as its least, its greatest, and the mean of the others as often as
/// there are others.
enum class Function : std::uint8_t { last, avg, min, max, sum, rate, increase, quantile };

/// By its name above; an error has the nearest.
Result<Function> function_named(std::string_view name);

struct Query {
  std::string name;
  LabelSelector labels;
  Function function = Function::last;
  std::int64_t window_us = 300'000'000;  // above 0
  double q = 0.5;                        // of quantile: 0 to 1
};

/// With what a decision needs as evidence.
struct Answer {
  std::optional<double> value;  // nothing: no sample was in the window (of all but last: no number)
  std::size_t series = 0;       // that had samples in the window
  std::uint64_t samples = 0;    // how many: numbers only; of last, 1
  std::int64_t newest_us = 0;   // the newest one's time
  bool coarse = false;          // buckets had part in it
};

/// For drawing: later than `from_us`, up to `to_us`, in steps.
struct RangeQuery {
  std::string name;
  LabelSelector labels;
  std::int64_t from_us = 0;
  std::int64_t to_us = 0;
  std::int64_t step_us = 0;  // at most kMostPoints steps
  std::size_t most_series = 100;
};
inline constexpr std::int64_t kMostPoints = 11'000;

/// All samples of one step. `values.increase` counts from the sample before the step, as Function
/// says.
struct Point {
  std::int64_t end_us = 0;  // samples are of (end_us - step_us, end_us]
  Bucket values;
};
struct Line {
  Labels labels;
  std::vector<Point> points;  // by time; a step without samples has none
};
struct Range {
  Kind kind = Kind::gauge;
  std::vector<Line> lines;   // in the order in which the series were added; none is empty
  std::size_t left_out = 0;  // series beyond most_series
};

struct SeriesInfo {
  SeriesId id;
  Kind kind = Kind::gauge;
  std::string name;
  Labels labels;
  std::optional<Sample> newest;
};

struct NameInfo {
  std::string name;
  Kind kind = Kind::gauge;
  std::size_t series = 0;
  std::uint64_t refused = 0;  // attempts to add one more
};

}  // namespace scanflow::knowledge
