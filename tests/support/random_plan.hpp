// Plans and events drawn by chance, for tests that hold for all of them.
#pragma once

#include <memory>
#include <random>

#include "engine/pipeline/plan.hpp"
#include "tests/support/world.hpp"

namespace scanflow::support {

/// A few steps and handlers with needs, and all that the state machine knows: expressions, retries,
/// timeouts, for_each, limits, allowed failures, priorities, approvals, fail_fast, a run's timeout.
std::shared_ptr<const pipeline::Plan> random_plan(std::mt19937& random);

/// One thing that may happen next in this world. False where the run has ended. `may_go_wrong`: a
/// failure, a refusal or a request to cancel may come, too.
bool happen(World& world, std::mt19937& random, bool may_go_wrong);

}  // namespace scanflow::support
