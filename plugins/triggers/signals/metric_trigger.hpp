// metric: fires when a metric crosses a limit.
#pragma once

#include <optional>
#include <scanflow/trigger.hpp>
#include <string>

#include "plugins/triggers/signals/level.hpp"

namespace scanflow::triggers {

struct MetricConfig {
  std::string name, function = "last", window = "1m", hold = "0s";
  nlohmann::json labels = nlohmann::json::object();
  std::optional<double> above, below, clear;
  template <class V>
  void fields(V& f) {
    f("name", name).required().doc("of the metric");
    f("labels", labels).doc("that its series must have");
    f("function", function)
        .one_of({"last", "avg", "min", "max", "rate", "increase"})
        .doc(
            "of its samples: the newest; of those of 'window'; of counters what they grew by a "
            "second of it, or since it fired last");
    f("window", window).doc("of avg, min, max and rate");
    f("above", above).doc("fires above this");
    f("below", below).doc("or below this");
    f("clear", clear)
        .doc("it fires again only after it was at or beyond this; without it the limit itself");
    f("for", hold).doc("fires only when it holds for so long");
  }
};

class MetricTrigger : public Trigger {
 public:
  using Config = MetricConfig;
  static Description describe();
  explicit MetricTrigger(Config config);
  /// Of a sample: {"name", "labels", "time_us", "value"}.
  WakeResult wake(const Wake& wake) override;
  std::vector<nlohmann::json> watches() const override;

 private:
  bool is_mine(const nlohmann::json& sample) const;

  const Config config_;
  Limit limit_;
};

}  // namespace scanflow::triggers
