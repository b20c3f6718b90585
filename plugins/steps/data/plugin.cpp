// The library of data.* and label.delayed.
#include <scanflow/step.hpp>

#include "plugins/steps/data/corrupt_step.hpp"
#include "plugins/steps/data/label_step.hpp"
#include "plugins/steps/data/merge_step.hpp"
#include "plugins/steps/data/pick_step.hpp"
#include "plugins/steps/data/stream_step.hpp"

SCANFLOW_PLUGIN("data", "1.0.0", scanflow::corruption::Corrupt, scanflow::picking::Pick,
                scanflow::picking::DelayedLabels, scanflow::picking::Merge,
                scanflow::corruption::Stream)
