// The warm parent: has one plugin library loaded, starts no thread, and forks processes that wait
// for an attempt. It never sees a request: what one attempt is told reaches no other one's memory.
#pragma once

#include <string>

#include "sidecar/protocol/messages.hpp"

namespace scanflow::worker {

/// `scanflow-worker host`: speaks with the supervisor over descriptor 3 until that closes. Says
/// Hello once the library is loaded, or Reject with the reason. Exit status.
int run_step_host(const std::string& library);

}  // namespace scanflow::worker
