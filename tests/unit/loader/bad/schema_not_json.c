/* A schema with a bracket too few. */
#include "bad_plugin.h"
static const scanflow_descriptor one = {
    sizeof one, 0, "bad.one", "1.0.0", "", "{\"type\": \"object\"", NULL, NULL, NULL};
static const scanflow_descriptor* const descriptors[] = {&one};
STEPS(descriptors);
