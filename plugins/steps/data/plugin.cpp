// The library of data.* steps.
#include <scanflow/step.hpp>

#include "plugins/steps/data/corrupt_step.hpp"

SCANFLOW_PLUGIN("data", "1.0.0", scanflow::corruption::Corrupt)
