// What `metrics.FUNCTION(...)` in expressions gives: recent metrics, of steps and of sidecars.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/pipeline/metric_query.hpp"
#include "engine/runtime/recent_metrics.hpp"
#include "engine/store/rows.hpp"

namespace scanflow::runtime {

/// `now_us`: wall clock, the window's end. [any-thread]
Result<std::optional<double>> ask_metrics(const RecentMetrics& recent,
                                          const pipeline::MetricQuery& query, std::int64_t now_us);

/// What a run has logged under an earlier engine, for the memory of this one: so that expressions
/// see it after a restart, too. Older than what is kept there is left out. [any-thread]
void remember(RecentMetrics& recent, std::vector<store::MetricRow> logged, std::int64_t now_us);

}  // namespace scanflow::runtime
