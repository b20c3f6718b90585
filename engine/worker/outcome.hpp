// What a process's end means: pure.
#pragma once

#include <cstdint>
#include <string>

#include "sidecar/protocol/messages.hpp"

namespace scanflow::worker {

/// All that is known when the attempt's process has ended without saying a result itself.
struct Ending {
  int wait_status = 0;
  std::string stop_reason;         // Cancel's; empty: nobody asked
  bool killed_by_us = false;       // SIGKILL after the grace
  std::string asked;               // the primitive that has ended it; empty: none
  std::uint64_t memory_limit = 0;  // bytes
  std::uint64_t memory_peak = 0;   // bytes; 0: unknown
  bool out_of_memory = false;
  std::int64_t ran_us = 0;
  std::string last_line;  // of its log
  bool plugin = false;    // a step host: it should have said a result before it ended
};

/// Fills in status, cause, message, exit_code and signal.
void judge(const Ending& ending, protocol::Result& result);

}  // namespace scanflow::worker
