/* The instance lists none of the commands that the descriptor does. */
#include "bad_step.h"
STEP_WITH_COMMANDS(STOP, "[]", SCANFLOW_UNSUPPORTED);
