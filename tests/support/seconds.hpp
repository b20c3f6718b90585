// Time in tests, as the engine counts it: microseconds.
#pragma once

#include <cstdint>

namespace scanflow {

inline constexpr std::int64_t kSecond = 1'000'000;

}  // namespace scanflow
