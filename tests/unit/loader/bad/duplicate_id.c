/* Two plugins of one name. */
#include "bad_plugin.h"
static const scanflow_descriptor one = {sizeof one, 0,    "bad.one", "1.0.0", "",
                                        NULL,       NULL, NULL,      NULL};
static const scanflow_descriptor two = {sizeof two, 0,    "bad.one", "2.0.0", "",
                                        NULL,       NULL, NULL,      NULL};
static const scanflow_descriptor* const descriptors[] = {&one, &two};
STEPS(descriptors);
