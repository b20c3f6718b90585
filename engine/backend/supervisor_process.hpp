// The supervisor as a process: found by its socket, or started.
#pragma once

#include <sys/types.h>

#include <string>

#include "engine/backend/backend.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::backend {

class SupervisorProcess {
 public:
  explicit SupervisorProcess(const Options& options);

  /// A connection to a living supervisor, which the caller closes; -1: there is none.
  int connect() const;
  /// Starts one, which connect() finds then. Blocks for its start (milliseconds). Errors carry its
  /// words.
  Result<void> start();
  /// What became of a supervisor that was started here: "was killed by SIGKILL"; empty: unknown,
  /// or it lives on. Waits that long for its end, and leaves no zombie then.
  std::string fate(int patience_ms);

 private:
  Result<pid_t> spawn(int ready_fd);
  std::string complaint() const;

  std::string worker_;
  std::string socket_;
  std::string work_;
  std::string log_;
  pid_t pid_ = -1;  // -1: not started here, or reaped
};

}  // namespace scanflow::backend
