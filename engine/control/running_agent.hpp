// An agent at work, as its server sees it: within the server, or in a process of its own.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "engine/control/decision.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::control {

/// Thread-safe.
class RunningAgent {
 public:
  virtual ~RunningAgent() = default;
  /// It does nothing any more, and has ended. Blocks.
  virtual void end() = 0;
  /// There are new happenings.
  virtual void look() = 0;
  virtual void pause(bool paused) = 0;
  /// Somebody is about to begin a run (pipeline::admission_request): what rules on `submit` ask for, those of mode act. It
  /// waits for so long at most; an error: nothing was decided by then.
  virtual Result<std::vector<DecidedAction>> admit(const json& request,
                                                   std::chrono::milliseconds patience) = 0;
  /// Somebody has answered a decision that waited (Ledger::answer): one that acts now is carried out.
  virtual void answered(const std::string& decision) = 0;
  /// [{"name", "trigger", "strategy", "mode", "fired", "decided", "last_us" (0), "next_us" (0), "problem"}]
  virtual json rules() const = 0;
};

}  // namespace scanflow::control
