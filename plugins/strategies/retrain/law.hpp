// Retrain, compare, promote, watch, roll back: a state machine over what happens. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/common/gate.hpp"

namespace scanflow::strategies {

/// Mean and variance of values as they come (B. P. Welford, 1962).
struct Moments {
  double count = 0, mean = 0, squares = 0;  // squares: of the distances from the mean, summed
  void add(double value);
};

///   idle     -> training : it is to begin, and `rest` has passed since it last began
///   training -> watching : the run has succeeded and its candidate passes the gate (plugins/common/gate.hpp): it is promoted
///   training -> idle     : refused by the gate; or the run failed, or did not end within `within`
///   watching -> idle     : after `watch`; or rolled back, where with min_looks looks at least
///                          (before - tolerance - after) / (s sqrt(1/n + 1/m)) >= sure_worse
///
/// before, after: means of the quality in n looks while it trained and m since it was promoted; s: their pooled deviation
/// (Student, 1908). That it is to begin while it does not idle is remembered, once.
struct RetrainLaw {
  Gate gate;
  double tolerance = 0.02, sure_worse = 3;
  std::int64_t min_looks = 5;
  std::int64_t watch_us = 600'000'000, within_us = 21'600'000'000, rest_us = 0;
};

/// A run that has ended: what it says of its candidate.
struct RunEnd {
  std::string run, status;
  std::int64_t time_us = 0;
  std::optional<double> candidate, baseline, samples;
  std::string version, serving;  // serving: what serves now; empty: nothing
};

struct Happened {
  bool begins = false;
  std::optional<RunEnd> ended;    // one that may be its own
  std::optional<double> quality;  // of what serves
};

struct RetrainStep {
  enum class Kind { run, promote, refuse, fail, roll_back };
  Kind kind = Kind::run;
  std::string version,
      other;  // promote: its, and what served; roll_back: that to go back to, and the one that is worse
  std::string why;        // refuse, fail
  RunEnd end;             // promote, refuse, fail
  Moments before, after;  // roll_back
};

class Retraining {
 public:
  enum class Phase { idle, training, watching };

  /// Empty: idle. Throws json::exception where it is not one of text().
  static Retraining read(std::string_view text);
  std::string text() const;

  std::vector<RetrainStep> decide(const RetrainLaw& law, std::int64_t now_us,
                                  const Happened& happened);
  Phase phase() const { return phase_; }

 private:
  std::optional<RetrainStep> train(const RetrainLaw& law, std::int64_t now_us,
                                   const Happened& happened);
  std::optional<RetrainStep> watch(const RetrainLaw& law, std::int64_t now_us);

  Phase phase_ = Phase::idle;
  std::int64_t since_us_ = 0;  // it is in this phase
  std::int64_t began_us_ = 0;  // when it last began to train; 0: never
  bool remembered_ = false;
  std::string version_, previous_;  // watching
  Moments before_, after_;
};

}  // namespace scanflow::strategies
