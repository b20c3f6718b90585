/* The list of its commands ends in the middle. */
#include "bad_step.h"
STEP_WITH_COMMANDS("[{\"name\": \"stop\"", STOP, SCANFLOW_UNSUPPORTED);
