// tracked_runs: fires when so many runs of experiments have ended.
#pragma once

#include <cstdint>
#include <scanflow/trigger.hpp>
#include <string>
#include <vector>

namespace scanflow::triggers {

struct TrackedRunsConfig {
  std::vector<std::string> experiments;
  std::vector<std::string> status = {"FINISHED"};
  nlohmann::json metrics = nlohmann::json::object(), params = nlohmann::json::object();
  std::int64_t count = 1;
  std::string order, best = "max";
  template <class V>
  void fields(V& f) {
    f("experiments", experiments)
        .required()
        .min_items(1)
        .max_items(100)
        .doc("names, or beginnings of them: mnist-datascience/*");
    f("status", status)
        .min_items(1)
        .one_of({"FINISHED", "FAILED", "KILLED"})
        .doc("how they have ended");
    f("metrics", metrics)
        .doc("that they must have: {accuracy: {above: 0.9}}; above, below, or a number");
    f("params", params).doc("likewise: {model: cnn1}");
    f("count", count).min(1).max(100).doc("fires for each so many");
    f("order", order).doc("a metric by which they are put in order; without it as they have ended");
    f("best", best).one_of({"max", "min"}).doc("which of them comes first then");
  }
};

class TrackedRunsTrigger : public Trigger {
 public:
  using Config = TrackedRunsConfig;
  static Description describe();
  explicit TrackedRunsTrigger(Config config);
  /// Of a run that has ended; those that wait for others are its state. The evidence: {"count", "runs": [{"id",
  /// "experiment", "name", "status", "metrics", "params"}]}.
  WakeResult wake(const Wake& wake) override;
  std::vector<nlohmann::json> watches() const override;

 private:
  bool is_meant(const nlohmann::json& run) const;

  const Config config_;
};

}  // namespace scanflow::triggers
