/* Its init fails and says why. */
#include "bad_plugin.h"
static int32_t init(const scanflow_host* host) {
  static const char kWhy[] = "no licence in /etc/bad; put one there";
  scanflow_view why = {kWhy, sizeof kWhy - 1};
  host->set_error(host, why);
  return SCANFLOW_FAILED;
}
LIBRARY(SCANFLOW_ABI_MAJOR, 0, sizeof(scanflow_plugin_entry), "bad", init, no_factory);
