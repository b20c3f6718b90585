// The library of straggler.
#include "plugins/strategies/straggler/straggler_strategy.hpp"

SCANFLOW_PLUGIN("straggler", "1.0.0", scanflow::strategies::StragglerStrategy)
