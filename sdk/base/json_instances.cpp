#define SCANFLOW_JSON_DEFINE_INSTANCES
#include "sdk/base/json_instances.hpp"

SCANFLOW_JSON_INSTANCES(template class)
