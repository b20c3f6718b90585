// The library of torch.train, torch.evaluate and torch.predict. It is forked after loading: nothing here, and no
// initialiser of ours, may touch torch before a step runs.
#include <scanflow/step.hpp>

#include "plugins/steps/torch/evaluate_step.hpp"
#include "plugins/steps/torch/predict_step.hpp"
#include "plugins/steps/torch/train_step.hpp"

SCANFLOW_PLUGIN("torch", "1.0.0", scanflow::cnn::Train, scanflow::cnn::Evaluate,
                scanflow::cnn::Predict)
