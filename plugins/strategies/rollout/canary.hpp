// canary: a new version gets more and more of the requests while its errors stay within a budget; else it gets none.
#pragma once

#include <cstdint>
#include <scanflow/strategy.hpp>
#include <string>
#include <vector>

namespace scanflow::strategies {

struct CanaryConfig {
  std::string service, node, stable, candidate;
  std::vector<double> weights = {5, 25, 50, 100};
  std::string hold = "5m";
  std::int64_t min_requests = 100;
  double max_errors = 0.01, chance = 0.01;
  template <class V>
  void fields(V& f) {
    f("service", service).required().doc("NAMESPACE/NAME");
    f("node", node).required().doc("the node of its graph");
    f("stable", stable).required().doc("the version that serves: models:/NAME/3");
    f("candidate", candidate).required().doc("the new one: models:/NAME/4");
    f("weights", weights).doc("its share of the requests in %, step by step; the last is 100");
    f("hold", hold).doc("how long each step is kept at least");
    f("min_requests", min_requests).min(1).doc("of the candidate, before a step is judged good");
    f("max_errors", max_errors)
        .min(0)
        .max(1)
        .doc("the budget: the share of its requests that may fail");
    f("chance", chance)
        .min(1e-9)
        .max(0.5)
        .doc("that a step within the budget is taken back all the same");
  }
};

class CanaryStrategy : public Strategy {
 public:
  using Config = CanaryConfig;
  static Description describe();
  explicit CanaryStrategy(Config config);
  Decision decide(const Evidence& evidence) override;

 private:
  Action traffic(double candidate_weight, const std::string& reason) const;

  const Config config_;
  std::int64_t hold_us_ = 0;
};

}  // namespace scanflow::strategies
