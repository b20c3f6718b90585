// The library of metric and event.
#include "plugins/triggers/signals/event_trigger.hpp"
#include "plugins/triggers/signals/metric_trigger.hpp"

SCANFLOW_PLUGIN("signals", "1.0.0", scanflow::triggers::MetricTrigger,
                scanflow::triggers::EventTrigger)
