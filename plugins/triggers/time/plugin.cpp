// The library of interval, date and cron.
#include "plugins/triggers/time/time_triggers.hpp"

SCANFLOW_PLUGIN("time", "1.0.0", scanflow::triggers::IntervalTrigger,
                scanflow::triggers::DateTrigger, scanflow::triggers::CronTrigger)
