// The library of the small nodes of inference graphs: before, between and after models.
#include <scanflow/step.hpp>

#include "plugins/steps/serving/combiner_step.hpp"
#include "plugins/steps/serving/preprocess_step.hpp"
#include "plugins/steps/serving/router_step.hpp"
#include "plugins/steps/serving/topk_step.hpp"

SCANFLOW_PLUGIN("serving", "1.0.0", scanflow::serving::Preprocess,
                scanflow::serving::TopKPostprocess, scanflow::serving::WeightedRouter,
                scanflow::serving::MeanCombiner)
