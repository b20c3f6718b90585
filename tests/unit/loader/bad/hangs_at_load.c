/* Never comes back. */
#include <unistd.h>

#include "bad_plugin.h"
__attribute__((constructor)) static void hang(void) {
  for (;;) pause();
}
LIBRARY(SCANFLOW_ABI_MAJOR, 0, sizeof(scanflow_plugin_entry), "bad", good_init, no_factory);
