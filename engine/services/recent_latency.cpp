#include "engine/services/recent_latency.hpp"

namespace scanflow::services {

infer::Histogram RecentLatency::of(const infer::Histogram& total, std::int64_t now_us) {
  if (!before_.empty() && total.count() < before_.back().second.count()) before_.clear();
  while (before_.size() > 1 && now_us - before_[1].first >= kWindowUs) before_.pop_front();
  infer::Histogram recent = total;
  if (!before_.empty() && now_us - before_[0].first >= kWindowUs)
    recent.subtract(before_[0].second);
  if (before_.empty() || now_us - before_.back().first >= kEachUs) {
    if (before_.empty()) before_.emplace_back(now_us - kWindowUs, infer::Histogram());
    before_.emplace_back(now_us, total);
  }
  return recent;
}

}  // namespace scanflow::services
