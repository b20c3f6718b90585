// promote_better: a candidate takes the place of what serves where it is surely better.
#pragma once

#include <cstdint>
#include <scanflow/strategy.hpp>
#include <string>

namespace scanflow::strategies {

struct PromoteBetterConfig {
  std::string model, alias = "champion";
  double margin = 0, sure = 1.64, lowest = 0;
  std::int64_t min_samples = 100;
  nlohmann::json together = nlohmann::json::object();
  template <class V>
  void fields(V& f) {
    f("model", model).required().doc("the registered model's name");
    f("alias", alias).doc("that means the version that serves");
    f("margin", margin).min(0).max(1).doc("by how much it must be better");
    f("sure", sure)
        .min(0)
        .max(6)
        .doc("standard deviations: how sure that must be; 1.64: 19 times of 20");
    f("lowest", lowest).min(0).max(1).doc("one below is never promoted, even where nothing serves");
    f("min_samples", min_samples).min(1).doc("of the gate set, at least");
    f("together", together)
        .doc(
            "models that get the alias with it: {mnist_detector: detector} takes the version that "
            "see.detector says");
  }
};

class PromoteBetterStrategy : public Strategy {
 public:
  using Config = PromoteBetterConfig;
  static Description describe();
  explicit PromoteBetterStrategy(Config config);
  Decision decide(const Evidence& evidence) override;

 private:
  const Config config_;
};

}  // namespace scanflow::strategies
