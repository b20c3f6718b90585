/* Of another world: everything behind the frozen bytes may mean something else. */
#include "bad_plugin.h"
SCANFLOW_EXPORT const uint32_t scanflow_plugin[4] = {SCANFLOW_ABI_MAJOR + 1, 7, 4096, 0};
