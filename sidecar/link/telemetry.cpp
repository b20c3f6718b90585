#include "sidecar/link/telemetry.hpp"

#include <algorithm>

namespace scanflow::link {

std::uint32_t TelemetryRing::series(const std::string& name, const std::string& kind,
                                    const Labels& labels) {
  const auto known = numbers_.find({name, labels});
  if (known != numbers_.end()) return known->second;
  if (series_.size() == most_) {
    ++refused_;
    return 0;
  }
  const auto number = static_cast<std::uint32_t>(series_.size() + 1);
  numbers_.emplace(std::pair(name, labels), number);
  series_.push_back({number, name, kind, labels});
  named_.push_back(false);
  return number;
}

void TelemetryRing::add(std::uint32_t series, std::int64_t time_us, double value) {
  if (series == 0 || series > series_.size()) return;
  if (samples_.size() == capacity_) {
    samples_.pop_front();
    ++account_.dropped;
  }
  samples_.push_back({series, time_us, value});
  ++account_.produced;
}

bool TelemetryRing::take(std::size_t most, protocol::Telemetry& batch) {
  const std::size_t count = std::min(most, samples_.size());
  if (count == 0) return false;
  batch.first = account_.dropped + account_.sent + 1;
  batch.produced = account_.produced;
  batch.dropped = account_.dropped;
  batch.time_us = samples_.front().time_us;
  for (std::size_t i = 0; i < count; ++i) {
    const Sample& sample = samples_.front();
    if (!named_[sample.series - 1]) {
      named_[sample.series - 1] = true;
      batch.series.push_back(series_[sample.series - 1]);
    }
    batch.numbers.push_back(sample.series);
    batch.times.push_back(sample.time_us - batch.time_us);
    batch.values.push_back(sample.value);
    samples_.pop_front();
  }
  account_.sent += count;
  return true;
}

}  // namespace scanflow::link
