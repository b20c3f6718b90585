// A random generator whose sequence is ours: the same seed gives the same bits with every compiler
// and standard library (the distributions of <random> leave that open).
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace scanflow::data {

/// SplitMix64 (Steele, Lea, Flood, 2014). Streams of neighbouring seeds are independent. Uses only
/// integer operations, additions and multiplications: no libm, so no rounding of a platform's own.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  /// Random(state()) goes on as this one does.
  std::uint64_t state() const { return state_; }

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    return mix(state_);
  }

  /// Uniform in [0, 1), 53 bits.
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  double between(double low, double high) { return low + (high - low) * uniform(); }

  /// Uniform in [0, bound), without bias; bound is at least 1.
  std::uint64_t below(std::uint64_t bound) {
    const std::uint64_t remainder = (0 - bound) % bound;  // 2^64 mod bound
    std::uint64_t value = next();
    while (value < remainder) value = next();
    return value % bound;
  }

  /// Bell-shaped, mean 0, deviation 1, within [-6, 6] (the sum of twelve uniform values).
  double bell() {
    double sum = -6.0;
    for (int i = 0; i < 12; ++i) sum += uniform();
    return sum;
  }

  /// Fisher-Yates.
  template <class T>
  void shuffle(std::vector<T>& values) {
    for (std::size_t i = values.size(); i > 1; --i) {
      std::swap(values[i - 1], values[static_cast<std::size_t>(below(i))]);
    }
  }

  /// A generator of its own for part `index` of the work of `seed`: parts may be made in any order.
  static Random stream(std::uint64_t seed, std::uint64_t index) {
    return Random(mix(seed + 0x9e3779b97f4a7c15ULL) ^ mix(~index));
  }

 private:
  static std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

  std::uint64_t state_;
};

}  // namespace scanflow::data
