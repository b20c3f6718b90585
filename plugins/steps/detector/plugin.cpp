// The library of detector.*. It is forked after loading: nothing here, and no initialiser of ours, may
// touch torch before a step runs.
#include <scanflow/step.hpp>

#include "plugins/steps/detector/score_step.hpp"
#include "plugins/steps/detector/train_step.hpp"

SCANFLOW_PLUGIN("detector", "1.0.0", scanflow::detector::Train, scanflow::detector::Score)
