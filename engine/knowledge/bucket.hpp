// Samples put together: what older ones become, and what queries add up. Pure.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/knowledge/bits.hpp"
#include "engine/knowledge/codec.hpp"
#include "engine/knowledge/types.hpp"

namespace scanflow::knowledge {

/// Of one sample or more. NaN has no part in count, sum, min and max; it may be first and last.
struct Bucket {
  std::int64_t time_us = 0;  // of its newest sample
  std::uint64_t count = 0;
  double sum = 0;
  double min = 0;  // infinity where count is 0
  double max = 0;  // - infinity where count is 0
  double first = 0;
  double last = 0;
  double increase = 0;  // from its first to its last sample, across resets; of a gauge 0

  static Bucket of(const Sample& sample);
  /// Puts a later one behind this. `grown`: by how much the counter did, from this one's last
  /// sample to the other's last.
  void absorb(const Bucket& later, double grown);
};

/// By how much a counter grew between two samples: a smaller value means that it began anew at 0.
inline double growth(double before, double after) {
  return after >= before ? after - before : after;
}

/// What the next bucket of a block is told by: `first` by the last one before; last, min and max by
/// what is known of the same bucket (of a counter, or of one sample, they cost a bit each).
struct BucketState {
  TimeState time;
  std::uint64_t count = 0;
  double last = 0;
  double sum = 0;
  XorWindow counts, firsts, lasts, mins, maxs, sums;
};

/// Changes neither `out` nor `state` where the bucket does not fit: then false.
bool write_bucket(BitWriter& out, BucketState& state, const Bucket& bucket);
Bucket read_bucket(BitReader& in, BucketState& state);

}  // namespace scanflow::knowledge
