// The library of prometheus.
#include "plugins/triggers/prometheus/prometheus_trigger.hpp"

SCANFLOW_PLUGIN("prometheus", "1.0.0", scanflow::triggers::PrometheusTrigger)
