// Signals by their names, and how a process has ended in words.
#pragma once

#include <string>
#include <string_view>

#include "sdk/base/result.hpp"

namespace scanflow {

/// "SIGUSR1" or "USR1": its number here.
Result<int> signal_named(std::string_view name);
/// "SIGKILL"; "signal 40" for the nameless.
std::string signal_name(int signal);
/// "was killed by SIGKILL", "exited with status 3"; of what wait() gave.
std::string describe_exit(int wait_status);

}  // namespace scanflow
