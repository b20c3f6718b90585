// The library of rightsize.
#include "plugins/strategies/rightsize/rightsize_strategy.hpp"

SCANFLOW_PLUGIN("rightsize", "1.0.0", scanflow::strategies::RightsizeStrategy)
