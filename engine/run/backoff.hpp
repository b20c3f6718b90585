// How long a failed step waits for its next attempt.
#pragma once

#include <cstdint>

#include "engine/pipeline/spec.hpp"

namespace scanflow::run {

/// min(initial * factor^(attempt - 1), max), times a factor within [1 - jitter, 1 + jitter] drawn
/// by hashing (seed, step, attempt). `attempt`: the one that failed, from 1. Microseconds, never
/// negative.
std::int64_t retry_wait_us(const pipeline::Backoff& backoff, std::uint64_t seed, std::uint32_t step,
                           std::uint32_t attempt);

}  // namespace scanflow::run
