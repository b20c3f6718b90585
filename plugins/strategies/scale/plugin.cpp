// The library of scale.
#include "plugins/strategies/scale/scale_strategy.hpp"

SCANFLOW_PLUGIN("scale", "1.0.0", scanflow::strategies::ScaleStrategy)
