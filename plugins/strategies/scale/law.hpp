// How many replicas a demand asks for: target tracking with a forecast, a tolerance and a stabilisation window. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace scanflow::strategies {

/// As Kubernetes' HorizontalPodAutoscaler (kubernetes.io, "Algorithm details"), of a demand that Holt's linear trend
/// (C. C. Holt, "Forecasting seasonals and trends by exponentially weighted moving averages", 1957) carries `ahead` of now:
///
///   level    += a (demand - level - trend dt) + trend dt         a = 1 - exp(-dt / smoothing)
///   trend    += b ((level - level before) / dt - trend)          b = 1 - exp(-dt / (4 smoothing))
///   forecast  = max(demand, level + trend ahead), where ahead > 0; else demand
///   wish      = ceil(forecast / target); as many as there are, where |forecast / (target replicas) - 1| <= tolerance
///   wanted    = the highest wish of the last `stabilization`, within [min, max]
///
/// Without a forecast no more are wanted than the highest demand of the window asks for, and between a number and a lower one
/// lies the whole window. With one, what is wanted beyond that is at most trend * ahead / target.
struct ScaleLaw {
  std::int64_t min = 1, max = 1;
  double target = 1;  // demand of each replica; above 0
  double tolerance = 0.1;
  std::int64_t stabilization_us = 300'000'000;
  std::int64_t ahead_us = 0;
  std::int64_t smoothing_us = 15'000'000;
};

class ScaleState {
 public:
  /// Empty: none yet. Throws json::exception where it is not one of text().
  static ScaleState read(std::string_view text);
  std::string text() const;

  /// `replicas`: as many as there are wanted now.
  std::int64_t decide(const ScaleLaw& law, std::int64_t now_us, double demand,
                      std::int64_t replicas);
  double forecast() const { return forecast_; }

 private:
  struct Wish {
    std::int64_t at_us = 0, count = 0;
  };
  void follow(const ScaleLaw& law, std::int64_t now_us, double demand);

  std::int64_t seen_us_ = 0;      // 0: nothing was seen
  double level_ = 0, trend_ = 0;  // trend: a second
  double forecast_ = 0;
  std::vector<Wish> wishes_;  // of the window, each higher than all that came after it
};

}  // namespace scanflow::strategies
