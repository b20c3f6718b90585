// scale: as many replicas as a demand asks for.
#pragma once

#include <scanflow/strategy.hpp>

#include "plugins/strategies/scale/law.hpp"

namespace scanflow::strategies {

struct ScaleConfig {
  std::int64_t min = 1, max = 0;
  double target = 0, tolerance = 0.1;
  std::string stabilization = "5m", ahead = "0s", smoothing = "15s";
  nlohmann::json on = nlohmann::json::object();
  template <class V>
  void fields(V& f) {
    f("min", min).min(0).doc("replicas at least");
    f("max", max).required().min(1).doc("replicas at most");
    f("target", target).required().doc("demand that one replica is to have; above 0");
    f("tolerance", tolerance).min(0).max(1).doc("of the target: nothing is changed within it");
    f("stabilization", stabilization).doc("fewer are kept only when fewer were enough for so long");
    f("ahead", ahead)
        .doc("how far the demand is forecast: as long as a replica takes to be ready; 0s: not");
    f("smoothing", smoothing).doc("the forecast's memory");
    f("on", on).doc(
        "the target of the primitive: {service: NAMESPACE/NAME}, {object: deployment/NAME}, ...");
  }
};

class ScaleStrategy : public Strategy {
 public:
  using Config = ScaleConfig;
  static Description describe();
  explicit ScaleStrategy(const Config& config);
  Decision decide(const Evidence& evidence) override;

 private:
  ScaleLaw law_;
  nlohmann::json on_;
};

}  // namespace scanflow::strategies
