// Times as text, in tests of schedules.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/schedule/schedule.hpp"

namespace scanflow::schedule {

/// Throws where either does not parse.
Schedule make(const std::string& expression, const std::string& zone = "UTC");

/// Microseconds of "2026-03-29 01:00" or "2026-03-29 01:00:30", which are UTC.
std::int64_t utc_us(const std::string& text);

/// "2026-03-29 03:00+02:00", as clocks in the zone show it; seconds only where there are some.
std::string local_text(const Zone& zone, std::int64_t us);

/// The next `count` firings after that, as clocks in the zone show them.
std::vector<std::string> next_texts(const Schedule& schedule, const std::string& after_utc,
                                    std::size_t count);

}  // namespace scanflow::schedule
