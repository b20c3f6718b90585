// The library of placement.
#include "plugins/strategies/placement/placement_strategy.hpp"

SCANFLOW_PLUGIN("placement", "1.0.0", scanflow::strategies::PlacementStrategy)
