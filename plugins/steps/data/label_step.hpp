// label.delayed: true labels, later and at a cost, as people give them.
#pragma once

#include <cstdint>
#include <scanflow/step.hpp>

namespace scanflow::picking {

struct LabelConfig {
  double cost = 1;
  double delay = 0;
  double delay_per_label = 0;
  double wrong = 0;
  std::int64_t seed = 1;

  template <class V>
  void fields(V& f) {
    f("cost", cost).min(0).max(1e9).doc("of one label, in whatever unit is counted");
    f("delay", delay).min(0).max(604'800).doc("seconds until the answer");
    f("delay_per_label", delay_per_label).min(0).max(86'400).doc("seconds more for each label");
    f("wrong", wrong)
        .min(0)
        .max(1)
        .doc("the share of answers that are wrong: people err, and some poison what is learnt");
    f("seed", seed).min(0).doc("of which are wrong");
  }
};

class DelayedLabels : public Step {
 public:
  using Config = LabelConfig;
  static Description describe();
  explicit DelayedLabels(Config config) : config_(config) {}
  nlohmann::json run(Context& context) override;

 private:
  LabelConfig config_;
};

}  // namespace scanflow::picking
