// Which of many alike is so slow that a second attempt of it is worth its while. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace scanflow::strategies {

/// Backup tasks (J. Dean, S. Ghemawat, "MapReduce", 2004, 3.6), of those that are slow by what the others took (M. Zaharia et al.,
/// "Improving MapReduce performance in heterogeneous environments", 2008: LATE), at most a share of all (as LATE's
/// SpeculativeCap, and hedged requests: J. Dean, L. A. Barroso, "The tail at scale", 2013):
///
///   slow: age > max(factor quantile(durations of those that have ended), min_seconds)
///
/// once `min_done` of all have ended; the oldest first, as long as fewer than max(1, max_share total) were given one.
/// An only one is held against what it took in at least `min_former` former runs.
struct StragglerLaw {
  double factor = 1.5, quantile = 0.5, min_done = 0.5, max_share = 0.1;
  double min_seconds = 10;
  std::size_t min_former = 3;
};

/// Those of one step as written, in one run.
struct Alike {
  std::size_t total = 1, ended = 0, hedges = 0;  // hedges: second attempts so far
  std::vector<double> seconds;                   // of those that have ended
  std::vector<double> former;                    // of an only one, in former runs
  struct Running {
    std::string step;
    std::uint32_t attempt = 1;
    double seconds = 0;
    bool hedged = false;  // it has a second attempt, or waits for one
  };
  std::vector<Running> running;
};

struct Slow {
  std::string step;
  std::uint32_t attempt = 1;
  double seconds = 0;
  double usual = 0;  // the quantile that it was held against
};

/// Values of any order; q from 0 to 1, linear between two. At least one value.
double quantile_of(std::vector<double> values, double q);

std::vector<Slow> slow_ones(const StragglerLaw& law, const Alike& alike);

/// What was asked for a moment ago, and may not have begun yet.
class Asked {
 public:
  /// Empty: nothing. Throws json::exception where it is not one of text(). What is older than `forget_us` is forgotten.
  static Asked read(std::string_view text, std::int64_t now_us, std::int64_t forget_us);
  std::string text() const;
  /// False: it was.
  bool add(const std::string& what, std::int64_t now_us) {
    return at_us_.emplace(what, now_us).second;
  }

 private:
  std::map<std::string, std::int64_t> at_us_;
};

}  // namespace scanflow::strategies
