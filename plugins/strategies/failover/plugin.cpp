// The library of failover.
#include "plugins/strategies/failover/failover_strategy.hpp"

SCANFLOW_PLUGIN("failover", "1.0.0", scanflow::strategies::FailoverStrategy)
