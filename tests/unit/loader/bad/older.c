/* Not bad, but older than this host: its descriptor ends after summary. What lies behind it must
 * not be read. */
#include "bad_plugin.h"
static const struct {
  uint32_t struct_size, reserved;
  const char *id, *version, *summary;
  const char* not_a_schema;
} old = {offsetof(scanflow_descriptor, config_schema),
         0,
         "older",
         "0.9.0",
         "From before schemas",
         "this is not a schema"};
static const scanflow_descriptor* const descriptors[] = {(const scanflow_descriptor*)&old};
STEPS(descriptors);
