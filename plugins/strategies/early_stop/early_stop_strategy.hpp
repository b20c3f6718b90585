// early_stop: of several trainings those that lag behind are ended.
#pragma once

#include <scanflow/strategy.hpp>
#include <string>

#include "plugins/strategies/early_stop/law.hpp"

namespace scanflow::strategies {

struct EarlyStopConfig {
  std::string direction, forget = "1d";
  std::int64_t grace = 5, min_trials = 5;
  template <class V>
  void fields(V& f) {
    f("direction", direction)
        .required()
        .one_of({"max", "min"})
        .doc("max: a larger value is better (accuracy); min: a smaller one (loss)");
    f("grace", grace).min(0).doc("none is stopped before this step");
    f("min_trials", min_trials).min(1).max(47).doc("others that must have come as far");
    f("forget", forget).doc("a trial that was not heard of for so long counts no more");
  }
};

class EarlyStopStrategy : public Strategy {
 public:
  using Config = EarlyStopConfig;
  static Description describe();
  explicit EarlyStopStrategy(const Config& config);
  Decision decide(const Evidence& evidence) override;

 private:
  MedianRule rule_;
  double sign_ = 1;
};

}  // namespace scanflow::strategies
