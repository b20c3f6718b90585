// How long things took: a histogram with a relative error of at most 1/128. Pure.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

namespace scanflow::infer {

/// Microseconds, 0 to about 19 hours; longer ones count as that. 128 buckets for each doubling, as
/// in HdrHistogram (Tene).
class Histogram {
 public:
  void add(std::int64_t us, std::uint64_t times = 1) {
    const auto value = static_cast<std::uint64_t>(us < 0 ? 0 : us);
    buckets_[index_of(value < kMost ? value : kMost)] += times;
    count_ += times;
    sum_ += value * times;
  }
  std::uint64_t count() const { return count_; }
  std::uint64_t sum_us() const { return sum_; }
  /// The least duration that `share` of all (0 to 1) did not exceed; 0 where there are none.
  std::int64_t quantile(double share) const {
    const auto rank = static_cast<std::uint64_t>(std::llround(share * static_cast<double>(count_)));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      seen += buckets_[i];
      if (seen != 0 && seen >= rank) return static_cast<std::int64_t>(upper_of(i));
    }
    return 0;
  }
  /// How many did not exceed it, of the buckets that lie below it whole.
  std::uint64_t at_most(std::int64_t us) const {
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < kBuckets && upper_of(i) <= static_cast<std::uint64_t>(us); ++i)
      seen += buckets_[i];
    return seen;
  }
  void add(const Histogram& other) {
    for (std::size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
    count_ += other.count_;
    sum_ += other.sum_;
  }
  /// One of which this has all.
  void subtract(const Histogram& other) {
    for (std::size_t i = 0; i < kBuckets; ++i) buckets_[i] -= other.buckets_[i];
    count_ -= other.count_;
    sum_ -= other.sum_;
  }

 private:
  static constexpr unsigned kSubBits = 7;
  static constexpr std::uint64_t kMost = (std::uint64_t{1} << 36) - 1;
  static constexpr std::size_t kBuckets = (36 - kSubBits + 1) << kSubBits;

  static std::size_t index_of(std::uint64_t value) {
    const auto width = static_cast<unsigned>(std::bit_width(value));
    if (width <= kSubBits) return value;
    const unsigned shift = width - kSubBits - 1;
    return (static_cast<std::size_t>(shift + 1) << kSubBits) +
           ((value >> shift) & ((1U << kSubBits) - 1));
  }
  /// The largest value of a bucket.
  static std::uint64_t upper_of(std::size_t index) {
    const std::size_t block = index >> kSubBits, sub = index & ((1U << kSubBits) - 1);
    if (block == 0) return sub;
    return (((std::uint64_t{1} << kSubBits) + sub + 1) << (block - 1)) - 1;
  }

  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0, sum_ = 0;
};

/// Upper bounds of the buckets in which it is told to others, in microseconds.
inline constexpr std::array<std::int64_t, 14> kHistogramBounds = {
    100,    250,    500,     1'000,   2'500,   5'000,     10'000,
    25'000, 50'000, 100'000, 250'000, 500'000, 1'000'000, 2'500'000};

}  // namespace scanflow::infer
