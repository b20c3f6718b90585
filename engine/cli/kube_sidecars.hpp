// scanflow kube sidecars: which Pods have one, and which slipped by: an admission webhook that is away lets Pods start
// without it.
#pragma once

#include "engine/cli/kube_command.hpp"

namespace scanflow::cli {

/// kRunFailed where a Pod should have one, and has none.
int kube_sidecars(const Context& context, const KubeOptions& options);

}  // namespace scanflow::cli
