// detector.train: learns what clean digits look like.
#pragma once

#include <cstdint>
#include <scanflow/step.hpp>

namespace scanflow::detector {

struct TrainConfig {
  std::int64_t epochs = 15;
  std::int64_t batch = 64;
  double learning_rate = 0.004;
  std::int64_t code = 16;
  double noise = 0.2;
  double quantile = 0.99;
  std::int64_t seed = 1;

  template <class V>
  void fields(V& f) {
    f("epochs", epochs).min(1).max(10'000).doc("passes over the training data");
    f("batch", batch).min(1).max(65'536).doc("digits for each step of the optimizer");
    f("learning_rate", learning_rate).above(0).max(10).doc("of Adam; goes down to 0 as a cosine");
    f("code", code).min(1).max(512).doc("values that a digit is reduced to");
    f("noise", noise)
        .min(0)
        .max(10)
        .doc("deviation of what is added to digits while it learns, of grey values 0 to 1");
    f("quantile", quantile)
        .above(0)
        .max(0.9999)
        .doc("of the errors on validation digits: what is above it is an outlier");
    f("seed", seed).min(0).doc("same seed, data and threads: same weights, bit for bit");
  }
};

class Train : public Step {
 public:
  using Config = TrainConfig;
  static Description describe();
  explicit Train(Config config) : config_(config) {}
  nlohmann::json run(Context& context) override;

 private:
  TrainConfig config_;
};

}  // namespace scanflow::detector
