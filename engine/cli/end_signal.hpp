// For commands that run until they are told to end.
#pragma once

#include <string>

#include "sdk/base/result.hpp"

namespace scanflow::cli {

/// From now on the first SIGINT or SIGTERM is what wait_for_end_signal() waits for; the second
/// leaves at once.
Result<void> catch_end_signals();
void wait_for_end_signal();

/// On stderr, in one write: threads do not mix.
void log_line(const std::string& line);

}  // namespace scanflow::cli
