/* Needs a host of the future. */
#include "bad_plugin.h"
LIBRARY(SCANFLOW_ABI_MAJOR, SCANFLOW_ABI_MINOR + 3, sizeof(scanflow_plugin_entry), "bad", good_init,
        no_factory);
