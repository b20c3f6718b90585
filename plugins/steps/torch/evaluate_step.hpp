// torch.evaluate: measures trained weights on digits they have not seen.
#pragma once

#include <cstdint>
#include <scanflow/step.hpp>

namespace scanflow::cnn {

struct EvaluateConfig {
  std::int64_t batch = 500;

  template <class V>
  void fields(V& f) {
    f("batch", batch).min(1).max(65'536).doc("digits at once; a matter of speed and memory only");
  }
};

class Evaluate : public Step {
 public:
  using Config = EvaluateConfig;
  static Description describe();
  explicit Evaluate(Config config) : config_(config) {}
  nlohmann::json run(Context& context) override;

 private:
  EvaluateConfig config_;
};

}  // namespace scanflow::cnn
