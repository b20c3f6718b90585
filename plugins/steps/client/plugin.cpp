// The library of requests.send.
#include <scanflow/step.hpp>

#include "plugins/steps/client/send_step.hpp"

SCANFLOW_PLUGIN("client", "1.0.0", scanflow::client::SendRequests)
