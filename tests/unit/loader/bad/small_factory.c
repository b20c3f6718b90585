/* A factory that ends before create. */
#include "bad_plugin.h"
static uint32_t count(void) { return 1; }
static const scanflow_step_factory factory = {16, 0, count, NULL, no_create};
static const void* get_factory(const char* id) {
  return strcmp(id, SCANFLOW_STEP_FACTORY) == 0 ? &factory : NULL;
}
LIBRARY(SCANFLOW_ABI_MAJOR, 0, sizeof(scanflow_plugin_entry), "bad", good_init, get_factory);
