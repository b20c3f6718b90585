#include "tests/unit/knowledge/reference.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace scanflow::knowledge {
namespace {

double increase_of(const ReferenceSeries& series, std::int64_t from_us, std::int64_t to_us) {
  double total = 0;
  for (std::size_t i = 1; i < series.samples.size(); ++i) {
    const Sample &before = series.samples[i - 1], &after = series.samples[i];
    if (after.time_us <= from_us || after.time_us > to_us) continue;
    total += after.value < before.value ? after.value : after.value - before.value;
  }
  return total;
}

double quantile_of(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  const double rank = q * static_cast<double>(values.size() - 1);
  const double below = values[static_cast<std::size_t>(std::floor(rank))];
  const double above = values[static_cast<std::size_t>(std::ceil(rank))];
  return below == above ? below : below + (above - below) * (rank - std::floor(rank));
}

}  // namespace

std::optional<double> reference(const std::vector<ReferenceSeries>& all, const Query& query,
                                std::int64_t now_us) {
  const std::int64_t from_us = now_us - query.window_us;
  std::vector<double> numbers;
  std::optional<Sample> newest;
  double increase = 0;
  for (const ReferenceSeries& series : all) {
    if (!query.labels.matches(series.labels)) continue;
    increase += increase_of(series, from_us, now_us);
    for (const Sample& sample : series.samples) {
      if (sample.time_us <= from_us || sample.time_us > now_us) continue;
      if (!newest || sample.time_us > newest->time_us) newest = sample;
      if (!std::isnan(sample.value)) numbers.push_back(sample.value);
    }
  }
  if (query.function == Function::last) {
    return newest ? std::optional(newest->value) : std::nullopt;
  }
  if (numbers.empty()) return std::nullopt;
  const double sum = std::accumulate(numbers.begin(), numbers.end(), 0.0);
  switch (query.function) {
    case Function::avg:
      return sum / static_cast<double>(numbers.size());
    case Function::min:
      return *std::min_element(numbers.begin(), numbers.end());
    case Function::max:
      return *std::max_element(numbers.begin(), numbers.end());
    case Function::sum:
      return sum;
    case Function::rate:
      return increase / (static_cast<double>(query.window_us) * 1e-6);
    case Function::increase:
      return increase;
    default:
      return quantile_of(numbers, query.q);
  }
}

Values::Values(Kind kind, std::uint64_t seed)
    : kind_(kind), random_(seed), shape_(static_cast<int>(random_() % 4)) {}

double Values::next() {
  if (kind_ == Kind::counter) {
    if (random_() % 50 == 0) last_ = 0;
    const auto more = static_cast<double>(random_() % 20);
    return last_ += shape_ < 2 ? more : more / 7;
  }
  switch (shape_) {
    case 0:
      return random_() % 40 == 0 ? last_ += 1 : last_;
    case 1:
      return static_cast<double>(random_() % 100) - 50;
    case 2:
      return std::normal_distribution<double>(3, 100)(random_);
    default:
      return random_() % 10 == 0 ? std::nan("") : static_cast<double>(random_() % 7) / 10;
  }
}

}  // namespace scanflow::knowledge
