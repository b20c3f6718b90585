// For commands that run until they are told to end.
#pragma once

#include <chrono>
#include <string>

#include "sdk/base/result.hpp"

namespace scanflow::cli {

/// From now on the first SIGINT or SIGTERM is what wait_for_end_signal() waits for; the second
/// leaves at once.
Result<void> catch_end_signals();
void wait_for_end_signal();
/// Has it come, or does it come within that time?
bool end_signal_within(std::chrono::milliseconds time);

/// On stderr, in one write: threads do not mix.
void log_line(const std::string& line);

}  // namespace scanflow::cli
