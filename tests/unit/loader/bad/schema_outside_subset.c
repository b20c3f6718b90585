/* JSON Schema knows multipleOf, the subset does not. */
#include "bad_plugin.h"
static const scanflow_descriptor one = {
    sizeof one,
    0,
    "bad.one",
    "1.0.0",
    "",
    "{\"type\": \"object\", \"properties\": {\"n\": {\"type\": \"integer\", \"multipleOf\": 2}}}",
    NULL,
    NULL,
    NULL};
static const scanflow_descriptor* const descriptors[] = {&one};
STEPS(descriptors);
