/* Without a version there is no cache key. */
#include "bad_plugin.h"
static const scanflow_descriptor one = {sizeof one, 0, "bad.one", NULL, "", NULL, NULL, NULL, NULL};
static const scanflow_descriptor* const descriptors[] = {&one};
STEPS(descriptors);
