// Which of several trainings is not worth going on with. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace scanflow::strategies {

/// The median stopping rule (D. Golovin et al., "Google Vizier: a service for black-box optimization", 2017, 3.2.2):
///
///   stop trial t at step s: best of t up to s < median over the others that reached s of their mean up to s
///
/// from step `grace` on, where at least `min_trials` others have reached s. Others are all that were heard of, finished, running
/// and stopped ones (Vizier's: completed ones). For a metric that is to be small, the same with the sign turned.
struct MedianRule {
  std::int64_t grace = 5;
  std::size_t min_trials = 5;
  std::int64_t forget_us = 86'400'000'000;  // a trial that was not heard of for so long
};

/// What was heard of trials; larger values are better. At most 48 trials (those heard of last) and 48 means of each, thinned
/// evenly as they grow longer: within 64 KiB of text.
class Trials {
 public:
  /// Empty: none yet. Throws json::exception where it is not one of text().
  static Trials read(std::string_view text);
  std::string text() const;

  /// A value of a trial at a step (none: the one after its last). What is not after its last step is passed over: an attempt
  /// that began anew. True: it is to be stopped; said again where it goes on for three more values.
  bool hear(const MedianRule& rule, std::int64_t now_us, const std::string& trial,
            std::optional<std::int64_t> step, double value);
  /// Of what hear() said: the best value, and the median that it is below.
  double best() const { return best_; }
  double median() const { return median_; }

 private:
  struct Trial {
    double sum = 0, best = 0;
    std::int64_t count = 0, last = -1, asked = 0, heard_us = 0;  // asked: its count then; 0: never
    std::vector<std::pair<std::int64_t, double>> means;          // by step: up to there
  };
  void forget(std::int64_t before_us, const std::string& but);
  void thin(const Trial& longest);
  std::optional<double> median_of_others(const MedianRule& rule, const std::string& trial,
                                         std::int64_t step) const;

  std::map<std::string, Trial> trials_;
  std::int64_t stride_ = 1;  // of the steps whose means are kept
  double best_ = 0, median_ = 0;
};

}  // namespace scanflow::strategies
