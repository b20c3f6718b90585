// placement: batch work is kept away from online work, in time and in place.
#pragma once

#include <scanflow/strategy.hpp>
#include <string>

#include "plugins/strategies/placement/law.hpp"

namespace scanflow::strategies {

struct PlacementConfig {
  double target = 0, tolerance = 0.1, min_share = 0.05, increase = 0.05, decrease = 0.5;
  std::string settle = "10s", smoothing = "3s", object, name_space;
  bool apart = false;
  nlohmann::json online = nlohmann::json::object();
  template <class V>
  void fields(V& f) {
    f("target", target).required().above(0).doc("what see.online may be at most");
    f("tolerance", tolerance).min(0).max(0.9).doc("of the target: nothing is changed within it");
    f("min_share", min_share).min(0.05).max(1).doc("the batch work is always left so much");
    f("increase", increase).above(0).max(1).doc("of its share, step by step");
    f("decrease", decrease).above(0).max(0.95).doc("what is left of its share in a step");
    f("settle", settle).doc("nothing is changed so soon after a change: until it is to be felt");
    f("smoothing", smoothing).doc("what see.online is smoothed by; a third of 'settle' at most");
    f("apart", apart).doc("places it too, once: its Pods away from those of 'online'");
    f("object", object).doc("what is placed: deployment/NAME; needed where 'apart' is true");
    f("namespace", name_space).doc("of that object; left out: the one that the server works in");
    f("online", online)
        .doc("labels of the online Pods: {app: digits}; without them its own Pods keep apart");
  }
};

class PlacementStrategy : public Strategy {
 public:
  using Config = PlacementConfig;
  static Description describe();
  explicit PlacementStrategy(Config config);
  Decision decide(const Evidence& evidence) override;

 private:
  Action place() const;

  const Config config_;
  ShareLaw law_;
};

}  // namespace scanflow::strategies
