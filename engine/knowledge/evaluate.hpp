// From copies of a series' blocks to answers. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/knowledge/entries.hpp"
#include "engine/knowledge/query.hpp"

namespace scanflow::knowledge {

/// `use(bucket, grown)` with all entries of (from_us, to_us] in the order of time; `grown`: by how
/// much the counter did since the entry before, however old that is. `blocks`: as History::copy()
/// makes them, newest first.
template <class Use>
void each_within(Kind kind, std::span<const Block> blocks, std::int64_t from_us, std::int64_t to_us,
                 Use&& use) {
  std::optional<double> before;
  for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) {
    each_entry(*block, [&](const Bucket& bucket) {
      const bool linked = kind == Kind::counter && before;
      const double between = linked ? growth(*before, bucket.first) : 0;
      before = bucket.last;
      if (bucket.time_us > from_us && bucket.time_us <= to_us) {
        use(bucket, between + bucket.increase);
      }
    });
  }
}

/// Values, each so many times. Beyond a million of them neighbours are put together.
class Weights {
 public:
  explicit Weights(std::size_t most = std::size_t{1} << 20) : most_(most) {}

  /// Each of its samples, as far as they are known.
  void add(const Bucket& bucket);
  /// Nothing: there are no values.
  std::optional<double> quantile(double q);

 private:
  struct Weight {
    double value;
    std::uint64_t times;
  };
  void add(double value, std::uint64_t times);
  void sort_and_merge();
  void halve();

  std::size_t most_;
  std::vector<Weight> all_;
};

/// One query over several series.
class Evaluation {
 public:
  /// `now_us`: the window's end.
  Evaluation(const Query& query, std::int64_t now_us);

  std::int64_t from_us() const { return from_us_; }
  void add(Kind kind, std::span<const Block> blocks);
  /// For Function::last: a series whose newest sample is this, so that no block need be looked at.
  void add_newest(const Sample& sample);
  Answer answer();

 private:
  std::optional<double> value();

  Function function_;
  double q_;
  std::int64_t window_us_, from_us_, to_us_;
  std::optional<Bucket> total_;
  Weights weights_;
  Answer answer_;
};

/// The points of one series.
std::vector<Point> points_of(const RangeQuery& query, Kind kind, std::span<const Block> blocks);

}  // namespace scanflow::knowledge
