/* Not bad, but a babbler: what it prints must not be taken for its description. */
#include <stdio.h>

#include "bad_plugin.h"
__attribute__((constructor)) static void babble(void) {
  puts("{\"format\": 99}");
  fflush(stdout);
}
static const scanflow_descriptor one = {sizeof one, 0,    "babbler", "1.0.0", "",
                                        NULL,       NULL, NULL,      NULL};
static const scanflow_descriptor* const descriptors[] = {&one};
STEPS(descriptors);
