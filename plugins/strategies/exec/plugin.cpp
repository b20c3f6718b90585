// The library of exec.
#include "plugins/strategies/exec/exec_strategy.hpp"

SCANFLOW_PLUGIN("exec", "1.0.0", scanflow::strategies::ExecStrategy)
