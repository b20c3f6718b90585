/* Needs a function that nobody has. */
#include "bad_plugin.h"
int nobody_defines_this(void);
static int32_t init(const scanflow_host* host) {
  (void)host;
  return nobody_defines_this();
}
LIBRARY(SCANFLOW_ABI_MAJOR, 0, sizeof(scanflow_plugin_entry), "bad", init, no_factory);
