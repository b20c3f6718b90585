// failover: a backup serves while the primary is unhealthy.
#pragma once

#include <scanflow/strategy.hpp>
#include <string>

#include "plugins/strategies/failover/law.hpp"

namespace scanflow::strategies {

struct FailoverConfig {
  std::string service, node, primary, backup;
  double unhealthy = 0.5, healthy = 0.1;
  std::string after = "3s", back_after = "1m", back_at_most = "30m", settle = "10s";
  template <class V>
  void fields(V& f) {
    f("service", service).required().doc("NAMESPACE/NAME");
    f("node", node).required().doc("the node of its graph");
    f("primary", primary).required().doc("what is to serve: models:/NAME/4");
    f("backup", backup).required().doc("what serves while that is unhealthy: models:/NAME/1");
    f("unhealthy", unhealthy).min(0).max(1).doc("share of bad answers from which one is unhealthy");
    f("healthy", healthy).min(0).max(1).doc("up to which one is healthy; less than 'unhealthy'");
    f("after", after).doc("how long the primary must be unhealthy");
    f("back_after", back_after)
        .doc("how long it must be healthy again; doubled with each switch within an hour");
    f("back_at_most", back_at_most).doc("but no longer than this");
    f("settle", settle).doc("how long a switch may take until see.serving says it");
  }
};

class FailoverStrategy : public Strategy {
 public:
  using Config = FailoverConfig;
  static Description describe();
  explicit FailoverStrategy(Config config);
  Decision decide(const Evidence& evidence) override;

 private:
  const Config config_;
  FailoverLaw law_;
};

}  // namespace scanflow::strategies
