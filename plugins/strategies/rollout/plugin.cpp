// The library of canary and promote_better.
#include "plugins/strategies/rollout/canary.hpp"
#include "plugins/strategies/rollout/promote_better.hpp"

SCANFLOW_PLUGIN("rollout", "1.0.0", scanflow::strategies::CanaryStrategy,
                scanflow::strategies::PromoteBetterStrategy)
