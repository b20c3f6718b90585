#include "engine/services/pod_figures.hpp"

#include <fmt/format.h>

#include "engine/infer/histogram.hpp"

namespace scanflow::services {
namespace {

using knowledge::Function;

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::int64_t kInFlightUs = 5 * kSecondUs;  // a sidecar tells it each second
constexpr std::int64_t kWindowUs = 300 * kSecondUs;
constexpr std::int64_t kEverUs = 86'400 * kSecondUs;  // counters are told when they have changed

std::optional<double> known_value(const knowledge::Knowledge& recent, const std::string& name,
                                  const Labels& labels, Function function, std::int64_t window_us,
                                  std::int64_t now_us) {
  knowledge::Query query{name, {}, function, window_us};
  for (const auto& [key, value] : labels)
    query.labels.require(key, LabelSelector::Is::among, {value});
  const auto answer = recent.ask(query, now_us);
  return answer ? answer->value : std::nullopt;
}
double value_of(const knowledge::Knowledge& recent, const std::string& name, const Labels& labels,
                Function function, std::int64_t window_us, std::int64_t now_us) {
  return known_value(recent, name, labels, function, window_us, now_us).value_or(0);
}

}  // namespace

std::optional<double> in_flight_of(const knowledge::Knowledge& recent,
                                   const std::vector<std::string>& pods, std::int64_t now_us) {
  std::optional<double> sum;
  for (const std::string& pod : pods) {
    const auto one = known_value(recent, "inference_in_flight", {{"run", pod}}, Function::last,
                                 kInFlightUs, now_us);
    if (one) sum = sum.value_or(0) + *one;
  }
  return sum;
}

PodFigures figures_of(const knowledge::Knowledge& recent, const std::string& id,
                      const std::vector<std::string>& pods, std::int64_t now_us) {
  PodFigures figures;
  double failed = 0, all = 0;
  for (const std::string& pod : pods) {
    const auto last = [&](const char* outcome) {
      return value_of(recent, "inference_requests_total", {{"run", pod}, {"outcome", outcome}},
                      Function::last, kEverUs, now_us);
    };
    failed += last("failed") + last("expired");
    all += last("answered") + last("failed") + last("expired") + last("refused");
  }
  figures.in_flight = in_flight_of(recent, pods, now_us).value_or(0);
  figures.requests = static_cast<std::uint64_t>(all);
  figures.errors = all > 0 ? failed / all : 0;

  const double count = value_of(recent, "inference_seconds_count", {{"service", id}},
                                Function::increase, kWindowUs, now_us);
  if (count <= 0) return figures;
  for (const std::int64_t bound : infer::kHistogramBounds) {
    const double within =
        value_of(recent, "inference_seconds_bucket",
                 {{"service", id}, {"le", fmt::format("{}", static_cast<double>(bound) / 1e6)}},
                 Function::increase, kWindowUs, now_us);
    for (auto [share, quantile_us] :
         {std::pair{0.5, &figures.p50_us}, std::pair{0.99, &figures.p99_us}}) {
      if (*quantile_us == 0 && within >= share * count) *quantile_us = bound;
    }
  }
  return figures;
}

}  // namespace scanflow::services
