// The library of model_version and tracked_runs.
#include "plugins/triggers/tracking/model_version.hpp"
#include "plugins/triggers/tracking/tracked_runs.hpp"

SCANFLOW_PLUGIN("tracking", "1.0.0", scanflow::triggers::ModelVersionTrigger,
                scanflow::triggers::TrackedRunsTrigger)
