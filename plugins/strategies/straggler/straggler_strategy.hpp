// straggler: of many alike those that are slow get a second attempt, and the first of the two wins.
#pragma once

#include <cstdint>
#include <scanflow/strategy.hpp>
#include <string>

#include "plugins/strategies/straggler/law.hpp"

namespace scanflow::strategies {

struct StragglerConfig {
  double factor = 1.5, quantile = 0.5, min_done = 0.5, max_share = 0.1, min_seconds = 10;
  std::int64_t min_former = 3;
  template <class V>
  void fields(V& f) {
    f("factor", factor).min(1).doc("slow is what runs for more than so many times the usual");
    f("quantile", quantile)
        .min(0)
        .max(1)
        .doc("the usual: this quantile of what those that have ended took; 0.5: the median");
    f("min_done", min_done)
        .min(0)
        .max(1)
        .doc("none gets a second attempt before so much of all have ended");
    f("min_seconds", min_seconds).min(0).doc("what is younger is never slow");
    f("max_share", max_share)
        .above(0)
        .max(1)
        .doc("of all instances get a second attempt at most, one at least");
    f("min_former", min_former)
        .min(1)
        .doc("a step without instances is held against what it took in so many former runs");
  }
};

class StragglerStrategy : public Strategy {
 public:
  using Config = StragglerConfig;
  static Description describe();
  explicit StragglerStrategy(const Config& config);
  Decision decide(const Evidence& evidence) override;

 private:
  StragglerLaw law_;
};

}  // namespace scanflow::strategies
