#include "engine/knowledge/bucket.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace scanflow::knowledge {
namespace {

std::uint64_t bits_of(double value) { return std::bit_cast<std::uint64_t>(value); }

void write_value(BitWriter& out, XorWindow& window, double value, double foretold) {
  write_xor(out, window, bits_of(value) ^ bits_of(foretold));
}

double read_value(BitReader& in, XorWindow& window, double foretold) {
  return std::bit_cast<double>(read_xor(in, window) ^ bits_of(foretold));
}

/// A counter's increase mostly is what its ends say; a gauge's is 0.
void write_increase(BitWriter& out, const Bucket& bucket) {
  const std::uint64_t bits = bits_of(bucket.increase);
  if (bits == 0) return out.write(0, 1);
  if (bits == bits_of(bucket.last - bucket.first)) return out.write(0b10, 2);
  out.write(0b11, 2);
  out.write(bits, 64);
}

double read_increase(BitReader& in, const Bucket& bucket) {
  const unsigned ones = in.read_ones(2);
  if (ones == 0) return 0;
  return ones == 1 ? bucket.last - bucket.first : std::bit_cast<double>(in.read(64));
}

double foretold_sum(const BucketState& state, const Bucket& bucket) {
  return bucket.count == 1 ? bucket.first : state.sum;
}

void remember(BucketState& state, const Bucket& bucket) {
  state.count = bucket.count;
  state.last = bucket.last;
  state.sum = bucket.sum;
}

}  // namespace

Bucket Bucket::of(const Sample& sample) {
  const double value = sample.value;
  if (!std::isnan(value)) return {sample.time_us, 1, value, value, value, value, value, 0};
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return {sample.time_us, 0, 0, kInfinity, -kInfinity, value, value, 0};
}

void Bucket::absorb(const Bucket& later, double grown) {
  time_us = later.time_us;
  count += later.count;
  sum += later.sum;
  min = std::min(min, later.min);
  max = std::max(max, later.max);
  last = later.last;
  increase += grown;
}

bool write_bucket(BitWriter& out, BucketState& state, const Bucket& bucket) {
  const std::size_t start = out.bits();
  BucketState next = state;
  write_time(out, next.time, bucket.time_us);
  write_xor(out, next.counts, bucket.count ^ state.count);
  write_value(out, next.firsts, bucket.first, state.last);
  write_value(out, next.lasts, bucket.last, bucket.first);
  write_value(out, next.mins, bucket.min, bucket.first);
  write_value(out, next.maxs, bucket.max, bucket.last);
  write_value(out, next.sums, bucket.sum, foretold_sum(state, bucket));
  write_increase(out, bucket);
  if (out.overflowed()) {
    out.truncate(start);
    return false;
  }
  remember(next, bucket);
  state = next;
  return true;
}

Bucket read_bucket(BitReader& in, BucketState& state) {
  Bucket bucket;
  bucket.time_us = read_time(in, state.time);
  bucket.count = read_xor(in, state.counts) ^ state.count;
  bucket.first = read_value(in, state.firsts, state.last);
  bucket.last = read_value(in, state.lasts, bucket.first);
  bucket.min = read_value(in, state.mins, bucket.first);
  bucket.max = read_value(in, state.maxs, bucket.last);
  bucket.sum = read_value(in, state.sums, foretold_sum(state, bucket));
  bucket.increase = read_increase(in, bucket);
  remember(state, bucket);
  return bucket;
}

}  // namespace scanflow::knowledge
