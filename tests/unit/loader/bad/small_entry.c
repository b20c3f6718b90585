/* Says that its entry ends before get_factory. */
#include "bad_plugin.h"
LIBRARY(SCANFLOW_ABI_MAJOR, 0, 24, "bad", good_init, no_factory);
