// The library of report.html and report.trials.
#include "plugins/steps/report/report_step.hpp"
#include "plugins/steps/report/trials_step.hpp"

SCANFLOW_PLUGIN("report", "1.0.0", scanflow::report::Report, scanflow::report::TrialsReport)
