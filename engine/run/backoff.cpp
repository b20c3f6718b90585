#include "engine/run/backoff.hpp"

#include <algorithm>
#include <cmath>

namespace scanflow::run {
namespace {

/// SplitMix64's finalizer: every bit of the input moves half of the output's.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace

std::int64_t retry_wait_us(const pipeline::Backoff& backoff, std::uint64_t seed, std::uint32_t step,
                           std::uint32_t attempt) {
  const double grown = static_cast<double>(backoff.initial_us) *
                       std::pow(backoff.factor, static_cast<double>(attempt) - 1);
  const double wait = std::min(grown, static_cast<double>(backoff.max_us));
  const std::uint64_t hash = mix(mix(seed) ^ (std::uint64_t{step} << 32 | attempt));
  const double unit = static_cast<double>(hash >> 11) * 0x1p-53;  // [0, 1)
  const double drawn = wait * (1 - backoff.jitter + 2 * backoff.jitter * unit);
  return static_cast<std::int64_t>(std::max(drawn, 0.0));
}

}  // namespace scanflow::run
