// The library of requests.*: what a service is asked, kept, and read again.
#include <scanflow/step.hpp>

#include "plugins/steps/capture/capture_step.hpp"
#include "plugins/steps/capture/captured_step.hpp"

SCANFLOW_PLUGIN("capture", "1.0.0", scanflow::capture::Capture, scanflow::capture::CapturedRequests)
