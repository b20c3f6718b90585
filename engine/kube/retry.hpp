// Whether a request is sent again, and when. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/kube/failure.hpp"

namespace scanflow::kube {

struct Repeat {
  int most = 6;  // requests in all
  std::int64_t first_us = 200'000, longest_us = 10'000'000;
  std::int64_t longest_asked_us = 60'000'000;  // of a Retry-After: who asks for more is given up
};

/// After `tried` requests: how long to wait for the next one; nothing: it is no use. A 429, and a 5xx that
/// says Retry-After, have not been acted upon. What may have been is asked again where that is `harmless` (it was
/// read, or is the same when done twice). `jitter`: from 0 to 1.
std::optional<std::int64_t> next_try_us(const Failure& failure, bool harmless, int tried,
                                        double jitter, const Repeat& repeat = {});
/// The n-th wait (from 0): doubled each time, and half of it left to chance.
std::int64_t backoff_us(int n, double jitter, std::int64_t first_us, std::int64_t longest_us);

}  // namespace scanflow::kube
