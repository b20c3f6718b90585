/* Has no name. */
#include "bad_plugin.h"
LIBRARY(SCANFLOW_ABI_MAJOR, 0, sizeof(scanflow_plugin_entry), NULL, good_init, no_factory);
