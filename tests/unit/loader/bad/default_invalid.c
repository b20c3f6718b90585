/* A default that its own schema refuses. */
#include "bad_plugin.h"
static const scanflow_descriptor one = {
    sizeof one,
    0,
    "bad.one",
    "1.0.0",
    "",
    "{\"type\": \"object\", \"properties\": {\"n\": {\"type\": \"integer\", \"minimum\": 1, "
    "\"default\": 0}}}",
    NULL,
    NULL,
    NULL};
static const scanflow_descriptor* const descriptors[] = {&one};
STEPS(descriptors);
