// The library of early_stop.
#include "plugins/strategies/early_stop/early_stop_strategy.hpp"

SCANFLOW_PLUGIN("early_stop", "1.0.0", scanflow::strategies::EarlyStopStrategy)
