// A time as programs read it.
#pragma once

#include <fmt/chrono.h>

#include <cstdint>
#include <string>

namespace scanflow {

/// "2026-07-01T03:00:00Z", of microseconds since 1970-01-01 UTC.
inline std::string utc_text(std::int64_t time_us) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(time_us / 1'000'000));
}

}  // namespace scanflow
