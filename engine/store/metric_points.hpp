// Series of metrics and their points, as whoever logs writes them: steps (tracked.hpp), and clients (engine/track).
#pragma once

#include <cstdint>
#include <string>

#include "engine/store/sqlite.hpp"

namespace scanflow::store {

struct MetricPoint {
  std::int64_t time_us = 0, step = 0;
  double value = 0;
  std::uint64_t number = 0;  // of an attempt's metrics; 0: of none
};

/// A metric of a tracked run. `name` is how it is shown, with the labels in it.
struct SeriesName {
  std::string name, metric, labels;  // labels: JSON object of texts, or empty
};

class MetricPoints {
 public:
  static Result<MetricPoints> prepare(const Connection& connection);

  /// series.key; made, with this as its latest point, where there is none. `owner`: tracked_runs.key.
  Result<std::int64_t> series(const Connection& connection, std::int64_t owner,
                              const SeriesName& name, const MetricPoint& first);
  /// The latest point of a series is that of the highest step, then time, then value. One that is told twice is
  /// stored once.
  Result<void> add(const Connection& connection, std::int64_t series, const MetricPoint& point);

 private:
  Statement find_, begin_, latest_, add_;
};

}  // namespace scanflow::store
