#include "engine/runtime/metric_answers.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace scanflow::runtime {
namespace {

protocol::Metric metric_of(store::MetricRow& row) {
  protocol::Metric metric;
  metric.id = {row.run, row.step, row.attempt};
  metric.name = std::move(row.name);
  metric.value = row.value;
  metric.time_us = row.time_us;
  const auto labels = nlohmann::json::parse(row.labels, nullptr, false);
  if (!labels.is_object()) return metric;
  for (const auto& [key, value] : labels.items()) {
    if (value.is_string()) metric.labels.emplace(key, value.get<std::string>());
  }
  return metric;
}

}  // namespace

Result<std::optional<double>> ask_metrics(const RecentMetrics& recent,
                                          const pipeline::MetricQuery& query, std::int64_t now_us) {
  const auto function = knowledge::function_named(query.function);
  if (!function) return tl::unexpected(function.error());
  const knowledge::Knowledge* known = recent.knowledge();
  if (known == nullptr) return std::nullopt;  // nothing has been measured yet
  auto answered =
      known->ask({query.name, query.labels, *function, query.window_us, query.q}, now_us);
  if (!answered) return tl::unexpected(std::move(answered.error()));
  return answered->value;
}

void remember(RecentMetrics& recent, std::vector<store::MetricRow> logged, std::int64_t now_us) {
  // Samples are taken in the order of time only.
  std::stable_sort(logged.begin(), logged.end(),
                   [](const auto& a, const auto& b) { return a.time_us < b.time_us; });
  for (store::MetricRow& row : logged) {
    if (row.time_us >= now_us - knowledge::Options().keep_long_us)
      recent.logged(metric_of(row), now_us);
  }
}

}  // namespace scanflow::runtime
