// The library of drift.
#include "plugins/triggers/drift/drift_trigger.hpp"

SCANFLOW_PLUGIN("drift", "1.0.0", scanflow::triggers::DriftTrigger)
