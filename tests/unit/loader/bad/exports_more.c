/* Loads well, but exports more than scanflow_plugin: the checker's business. */
#include "bad_plugin.h"
__attribute__((visibility("default"))) int helper(void) { return 1; }
static const scanflow_descriptor one = {sizeof one, 0,    "chatty", "1.0.0", "",
                                        NULL,       NULL, NULL,     NULL};
static const scanflow_descriptor* const descriptors[] = {&one};
STEPS(descriptors);
