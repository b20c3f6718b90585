// The share of its time that batch work is left, so that online work beside it keeps its bound. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace scanflow::strategies {

/// Additive increase, multiplicative decrease (D.-M. Chiu, R. Jain, "Analysis of the increase and decrease algorithms for
/// congestion avoidance in computer networks", 1989), with a band in which nothing is changed:
///
///   level += (1 - exp(-dt / smoothing)) (online - level)
///   share  = max(min_share, decrease share)     where level > target
///   share  = min(1, share + increase)           where level < (1 - tolerance) target, or nothing is online
///   unchanged                                   between, and for `settle` after each change
///
/// Let level be f(share), increasing, and settled within `settle`; u = f^-1(target), l = f^-1((1 - tolerance) target). From any
/// share it is below u after ceil(log(min_share) / log(decrease)) changes (5 by default), and never more than `increase` above u
/// afterwards. Where u - l >= increase it cannot jump over the band: it comes to rest there. Else it saws between decrease u and
/// u + increase. Several that watch the same online work come to equal shares: each decrease halves what they differ by.
struct ShareLaw {
  double target = 1;  // above 0
  double tolerance = 0.1, min_share = 0.05, increase = 0.05, decrease = 0.5;
  std::int64_t settle_us = 10'000'000, smoothing_us = 3'000'000;  // smoothing: 0: none
};

class ShareState {
 public:
  /// Empty: it has all. Throws json::exception where it is not one of text().
  static ShareState read(std::string_view text);
  std::string text() const;

  /// `online`: nothing: there is no online work. `seen`: the share that it has, where somebody knows. Answers the new one, if
  /// it is to be another.
  std::optional<double> decide(const ShareLaw& law, std::int64_t now_us,
                               std::optional<double> online, std::optional<double> seen);

  bool is_placed = false;  // apart from the online work: it was asked for

 private:
  double follow(const ShareLaw& law, std::int64_t now_us, double online);

  double share_ = 1, level_ = 0;
  std::int64_t seen_us_ = 0;     // when the level was followed last; 0: there is none
  std::int64_t changed_us_ = 0;  // 0: never
};

}  // namespace scanflow::strategies
