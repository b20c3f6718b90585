// How often amounts were seen, older ones counting less. Pure.
#pragma once

#include <map>
#include <nlohmann/json.hpp>

namespace scanflow::strategies {

/// As of Kubernetes' VerticalPodAutoscaler (kubernetes/autoscaler, "decaying histogram"): bucket i begins at
/// first (1.05^i - 1) / 0.05, so it is 5 % as wide as its end is large.
class DecayingHistogram {
 public:
  explicit DecayingHistogram(double first) : first_(first) {}

  /// All that was seen counts so much of what it did: 0.5 after a half-life.
  void decay(double factor);
  /// `weight` may be below 0: what add() was told is taken back.
  void add(double amount, double weight);
  /// The end of the bucket below which lies this share of all weight; 0: there is none.
  double percentile(double share) const;

  nlohmann::json to_json() const;
  /// Throws json::exception.
  void read(const nlohmann::json& document);

 private:
  int bucket_of(double amount) const;
  double end_of(int bucket) const;

  double first_;
  std::map<int, double> weights_;
};

}  // namespace scanflow::strategies
