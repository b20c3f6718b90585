// What `metrics.FUNCTION(name, labels, window)` and `runs.running(pipeline)` ask in an expression. Who answers is
// handed in: this folder knows no metrics, and no runs.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "sdk/base/label_selector.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::pipeline {

struct MetricQuery {
  std::string function;  // one of metric_functions()
  std::string name;
  LabelSelector labels;                  // nothing given: every series of the name, of any run
  std::int64_t window_us = 300'000'000;  // up to now; above 0
  double q = 0.5;                        // of quantile: 0 to 1
};

/// Nothing: there is no value in the window. An error says what cannot be asked, and why.
/// On the thread that evaluates.
using AskMetrics = std::function<Result<std::optional<double>>(const MetricQuery& query)>;

/// What runs now: engine/runtime/running.hpp's document. `pipeline`: [NAMESPACE/]NAME; empty: of all.
/// On the thread that evaluates, which waits.
using AskRunning = std::function<Result<nlohmann::json>(const std::string& pipeline)>;

/// last, avg, min, max, sum, rate, increase, quantile.
const std::vector<std::string>& metric_functions();

}  // namespace scanflow::pipeline
