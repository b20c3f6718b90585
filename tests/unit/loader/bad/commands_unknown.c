/* It carries out what it does not list. */
#include "bad_step.h"
STEP_WITH_COMMANDS(STOP, STOP, SCANFLOW_OK);
