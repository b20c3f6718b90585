// The library of kubernetes.
#include "plugins/triggers/kubernetes/kubernetes_trigger.hpp"

SCANFLOW_PLUGIN("kubernetes", "1.0.0", scanflow::triggers::KubernetesTrigger)
