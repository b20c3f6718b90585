/* Counts one plugin and describes none. */
#include "bad_plugin.h"
static const scanflow_descriptor* const descriptors[] = {NULL};
STEPS(descriptors);
