#include "engine/knowledge/evaluate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>

#include "sdk/base/nearest.hpp"

namespace scanflow::knowledge {

Result<Function> function_named(std::string_view name) {
  static constexpr std::array<std::string_view, 8> kNames = {
      "last", "avg", "min", "max", "sum", "rate", "increase", "quantile"};
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found != kNames.end()) return static_cast<Function>(found - kNames.begin());
  const std::string near = nearest(name, std::vector<std::string>(kNames.begin(), kNames.end()));
  const std::string meant = near.empty() ? "" : fmt::format(", did you mean '{}'?", near);
  return fail(fmt::format("there is no function '{}' of metrics{} (there are {})", name, meant,
                          fmt::join(kNames, ", ")));
}

void Weights::add(const Bucket& bucket) {
  if (bucket.count == 0) return;
  add(bucket.min, 1);
  if (bucket.count > 1) add(bucket.max, 1);
  if (bucket.count < 3) return;
  const auto others = static_cast<double>(bucket.count - 2);
  const double mean = (bucket.sum - bucket.min - bucket.max) / others;
  // Infinities: there is no mean; sums: they are not exact.
  add(std::isnan(mean) ? bucket.min : std::clamp(mean, bucket.min, bucket.max), bucket.count - 2);
}

void Weights::add(double value, std::uint64_t times) {
  if (all_.size() >= most_) {
    sort_and_merge();
    if (all_.size() > most_ / 2) halve();
  }
  all_.push_back({value, times});
}

void Weights::sort_and_merge() {
  std::sort(all_.begin(), all_.end(),
            [](const Weight& a, const Weight& b) { return a.value < b.value; });
  std::size_t kept = 0;
  for (const Weight& weight : all_) {
    if (kept > 0 && all_[kept - 1].value == weight.value) {
      all_[kept - 1].times += weight.times;
    } else {
      all_[kept++] = weight;
    }
  }
  all_.resize(kept);
}

/// Each two neighbours become one; the least and the greatest stay as they are.
void Weights::halve() {
  std::size_t kept = 1, at = 1;
  for (; at + 2 < all_.size(); at += 2) {
    const Weight &a = all_[at], &b = all_[at + 1];
    all_[kept++] = {a.times >= b.times ? a.value : b.value, a.times + b.times};
  }
  for (; at < all_.size(); ++at) all_[kept++] = all_[at];
  all_.resize(kept);
}

std::optional<double> Weights::quantile(double q) {
  if (all_.empty()) return std::nullopt;
  sort_and_merge();
  std::uint64_t total = 0;
  for (const Weight& weight : all_) total += weight.times;
  const double rank = q * static_cast<double>(total - 1);
  const auto below = static_cast<std::uint64_t>(rank);
  std::uint64_t seen = 0;
  for (auto weight = all_.begin();; ++weight) {
    seen += weight->times;
    if (below + 1 < seen || weight + 1 == all_.end()) return weight->value;
    if (below >= seen) continue;
    const double share = rank - static_cast<double>(below);
    const double next = (weight + 1)->value;
    return share == 0 ? weight->value : weight->value + (next - weight->value) * share;
  }
}

Evaluation::Evaluation(const Query& query, std::int64_t now_us)
    : function_(query.function),
      q_(query.q),
      window_us_(query.window_us),
      from_us_(now_us < std::numeric_limits<std::int64_t>::min() + query.window_us
                   ? std::numeric_limits<std::int64_t>::min()
                   : now_us - query.window_us),
      to_us_(now_us) {}

void Evaluation::add(Kind kind, std::span<const Block> blocks) {
  std::optional<Bucket> own;
  each_within(kind, blocks, from_us_, to_us_, [&](Bucket bucket, double grown) {
    answer_.coarse |= bucket.count > 1;
    if (function_ == Function::quantile) weights_.add(bucket);
    if (own) return own->absorb(bucket, grown);
    bucket.increase = grown;
    own = bucket;
  });
  if (!own) return;
  ++answer_.series;
  const bool newer = !total_ || own->time_us > total_->time_us;
  const double last = newer ? own->last : total_->last;
  const std::int64_t time_us = newer ? own->time_us : total_->time_us;
  if (total_) {
    total_->absorb(*own, own->increase);
  } else {
    total_ = own;
  }
  total_->last = last;
  total_->time_us = time_us;
}

void Evaluation::add_newest(const Sample& sample) {
  if (sample.time_us <= from_us_) return;
  ++answer_.series;
  if (!total_ || sample.time_us > total_->time_us) total_ = Bucket::of(sample);
}

std::optional<double> Evaluation::value() {
  if (function_ == Function::last) return total_->last;
  if (total_->count == 0) return std::nullopt;
  switch (function_) {
    case Function::avg:
      return total_->sum / static_cast<double>(total_->count);
    case Function::min:
      return total_->min;
    case Function::max:
      return total_->max;
    case Function::sum:
      return total_->sum;
    case Function::increase:
      return total_->increase;
    case Function::rate:
      return total_->increase / (static_cast<double>(window_us_) / 1e6);
    case Function::quantile:
      return weights_.quantile(q_);
    case Function::last:
      break;
  }
  return std::nullopt;
}

Answer Evaluation::answer() {
  if (!total_) return answer_;
  answer_.value = value();
  answer_.samples = function_ == Function::last ? 1 : total_->count;
  answer_.newest_us = total_->time_us;
  if (function_ == Function::last) answer_.coarse = false;
  return answer_;
}

std::vector<Point> points_of(const RangeQuery& query, Kind kind, std::span<const Block> blocks) {
  std::vector<Point> points;
  each_within(kind, blocks, query.from_us, query.to_us, [&](Bucket bucket, double grown) {
    const std::int64_t step = (bucket.time_us - query.from_us - 1) / query.step_us;
    const std::int64_t end_us = query.from_us + (step + 1) * query.step_us;
    if (!points.empty() && points.back().end_us == end_us) {
      points.back().values.absorb(bucket, grown);
    } else {
      bucket.increase = grown;
      points.push_back({end_us, bucket});
    }
  });
  return points;
}

}  // namespace scanflow::knowledge
