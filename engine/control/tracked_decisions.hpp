// Decisions as runs of their agent's experiment ("agents/NAMESPACE/NAME"), so that the tracker's clients see them.
#pragma once

#include "engine/control/decision.hpp"
#include "engine/store/sqlite.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::control {

/// Of one that has ended otherwise than by its guard: the same again changes nothing. Nobody is told as of other tracked
/// runs: a rule that waits for those would wait for its own decisions.
Result<void> track_decision(const store::Connection& connection, const Decision& decision);

/// Those of decisions that are about to be dropped: all but the newest `most`.
Result<void> forget_tracked(const store::Connection& connection, std::int64_t most);

}  // namespace scanflow::control
