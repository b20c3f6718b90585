/* An id that cannot stand in YAML as one. */
#include "bad_plugin.h"
static const scanflow_descriptor one = {sizeof one, 0,    "Train Me", "1.0.0", "",
                                        NULL,       NULL, NULL,       NULL};
static const scanflow_descriptor* const descriptors[] = {&one};
STEPS(descriptors);
