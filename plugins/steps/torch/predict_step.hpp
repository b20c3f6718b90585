// torch.predict: reads digits with trained weights, in a pipeline or online.
#pragma once

#include <cstdint>
#include <memory>
#include <scanflow/step.hpp>

#include "plugins/steps/torch/online.hpp"

namespace scanflow::cnn {

struct PredictConfig {
  std::int64_t batch = 500;

  template <class V>
  void fields(V& f) {
    f("batch", batch)
        .min(1)
        .max(65'536)
        .doc("digits at once, in a pipeline; a matter of speed and memory only");
  }
};

class Predict : public Step, public Inference {
 public:
  using Config = PredictConfig;
  static Description describe();
  explicit Predict(Config config) : config_(config) {}
  nlohmann::json run(Context& context) override;
  Signature load(const Loading& loading) override;
  void infer(const Tensors& inputs, TensorOutputs& outputs) override;

 private:
  PredictConfig config_;
  std::unique_ptr<Online> online_;
};

}  // namespace scanflow::cnn
