// The library of retrain.
#include "plugins/strategies/retrain/retrain_strategy.hpp"

SCANFLOW_PLUGIN("retrain", "1.0.0", scanflow::strategies::RetrainStrategy)
