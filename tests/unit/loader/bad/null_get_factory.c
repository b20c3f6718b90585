/* Cannot be asked for anything. */
#include "bad_plugin.h"
LIBRARY(SCANFLOW_ABI_MAJOR, 0, sizeof(scanflow_plugin_entry), "bad", good_init, NULL);
