// drift: fires when the mean of a metric has changed.
#pragma once

#include <optional>
#include <scanflow/trigger.hpp>
#include <string>

#include "plugins/triggers/drift/change.hpp"

namespace scanflow::triggers {

struct DriftConfig {
  std::string name, method = "cusum", direction = "both";
  std::string false_alarms = "one in 10000 samples";
  nlohmann::json labels = nlohmann::json::object();
  std::int64_t reference = 100;
  std::optional<double> mean, deviation, threshold;
  std::optional<bool> relearn;
  double delta = 0.5;
  template <class V>
  void fields(V& f) {
    f("name", name).required().doc("of the metric; each of its series is followed by itself");
    f("labels", labels).doc("that its series must have");
    f("method", method)
        .one_of({"cusum", "page_hinkley"})
        .doc("compares with the mean of the reference, or with that of all samples so far");
    f("reference", reference)
        .min(10)
        .max(1'000'000)
        .doc("so many samples of a series, its first ones, say what its mean and deviation are");
    f("mean", mean).doc("where it is known (cusum): nothing is learned");
    f("deviation", deviation).min(0).doc("goes with 'mean'");
    f("direction", direction).one_of({"up", "down", "both"}).doc("of the drifts that matter");
    f("delta", delta)
        .above(0)
        .max(3)
        .doc("drift to ignore, in deviations; the test is the fastest for drifts of twice as much");
    f("false_alarms", false_alarms)
        .doc("of a series that does not drift, on average: the threshold follows from it");
    f("threshold", threshold).above(0).doc("instead of 'false_alarms': in deviations");
    f("relearn", relearn)
        .doc("after it fired, the next samples are the reference; without it: where none is given");
  }
};

class DriftTrigger : public Trigger {
 public:
  using Config = DriftConfig;
  static Description describe();
  explicit DriftTrigger(Config config);
  WakeResult wake(const Wake& wake) override;
  std::vector<nlohmann::json> watches() const override;
  const Law& law() const { return law_; }

 private:
  const Config config_;
  Law law_;
};

}  // namespace scanflow::triggers
