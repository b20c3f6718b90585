// detector.score: which digits are unlike those that the detector learnt, in a pipeline or online.
#pragma once

#include <memory>
#include <scanflow/step.hpp>

#include "plugins/steps/detector/detector.hpp"

namespace scanflow::detector {

struct ScoreConfig {
  double significance = 0.001;

  template <class V>
  void fields(V& f) {
    f("significance", significance)
        .above(0)
        .max(0.5)
        .doc("in a pipeline: it is drift where so many outliers are less likely than this");
  }
};

class Score : public Step, public Inference {
 public:
  using Config = ScoreConfig;
  static Description describe();
  explicit Score(Config config) : config_(config) {}
  nlohmann::json run(Context& context) override;
  Signature load(const Loading& loading) override;
  void infer(const Tensors& inputs, TensorOutputs& outputs) override;

 private:
  ScoreConfig config_;
  std::unique_ptr<Detector> detector_;
};

}  // namespace scanflow::detector
