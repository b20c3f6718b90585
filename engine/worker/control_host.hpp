// Hosts triggers and strategies: a process of its own, so that one that hangs or crashes takes no engine with it.
#pragma once

namespace scanflow::worker {

/// Answers what comes from descriptor `fd` (sdk/loader/control_messages.hpp) until nobody is there. Returns the exit status.
int run_control_host(int fd);

}  // namespace scanflow::worker
