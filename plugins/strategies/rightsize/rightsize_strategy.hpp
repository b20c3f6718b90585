// rightsize: a container requests what it uses.
#pragma once

#include <scanflow/strategy.hpp>
#include <string>

#include "plugins/strategies/rightsize/law.hpp"

namespace scanflow::strategies {

struct RightsizeConfig {
  double percentile = 0.9, margin = 0.15, tolerance = 0.1, oom_factor = 1.5, limit_factor = 0;
  std::int64_t min_looks = 30;
  std::string half_life = "1d", history = "1h", peak = "10m", every = "10m";
  std::string min_cpu = "10m", max_cpu, min_memory = "32Mi", max_memory, container;
  template <class V>
  void fields(V& f) {
    f("percentile", percentile).above(0).max(1).doc("of what was used; of memory: of its peaks");
    f("margin", margin).min(0).max(10).doc("that much more is asked for");
    f("tolerance", tolerance).min(0).max(1).doc("of the request; less than 'margin'");
    f("half_life", half_life).doc("what is so old counts half");
    f("history", history).doc("nothing is asked for before so long was seen");
    f("min_looks", min_looks).min(1).doc("and so often");
    f("peak", peak).doc("the largest use of memory of each such time counts");
    f("every", every).doc("it asks again after this at the earliest");
    f("oom_factor", oom_factor).min(1.1).max(10).doc("after an OOM: times what it had, at once");
    f("limit_factor", limit_factor)
        .min(0)
        .max(10)
        .doc(
            "the limit of memory, times the request; 0: as it is (one that is the same goes "
            "along)");
    f("min_cpu", min_cpu).doc("such as 10m");
    f("max_cpu", max_cpu).doc("such as 4; left out: no bound");
    f("min_memory", min_memory).doc("such as 32Mi");
    f("max_memory", max_memory).doc("such as 8Gi; left out: no bound");
    f("container", container).doc("of the Pod; left out: its only one");
  }
};

class RightsizeStrategy : public Strategy {
 public:
  using Config = RightsizeConfig;
  static Description describe();
  explicit RightsizeStrategy(const Config& config);
  Decision decide(const Evidence& evidence) override;

 private:
  RightsizeLaw law_;
  double limit_factor_;
  std::string container_;
};

}  // namespace scanflow::strategies
