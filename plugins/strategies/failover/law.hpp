// Which of a primary and its backup serves: switched over fast, back slowly. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace scanflow::strategies {

/// A circuit breaker (M. Nygard, "Release It!", 2007) with exponential backoff, over two shares of bad answers: at or above
/// `unhealthy` one is bad, at or below `healthy` it is well, between them neither; of one that nobody knows of it is bad.
///
///   over      : the primary was bad at each look of `after`, and the backup is well now
///   back      : the primary was well at each look of w = min(back_after 2^(k-1), back_at_most), and is well now
///   back early: the backup was bad at each look of `after`, the primary was well at each look of min(after 2^(k-1), back_at_most)
///   k         : how often it switched over within the last hour H
///
/// Nothing is switched to one that is not well. In any hour it switches over n times at most, and back as often:
///   back_after (2^(n-1) - 1) + n after <= H, while back_at_most >= H / 2 and the backup is not bad for `after`;
///   after (2^(n-1) - 1) + n after <= H in any case.
/// By default 6 and 11. Looks that are bad by chance q each, independently, switch it over falsely by a chance of q^(after / look)
/// at most from each look on.
struct FailoverLaw {
  double unhealthy = 0.5, healthy = 0.1;
  std::int64_t after_us = 3'000'000, back_after_us = 60'000'000, back_at_most_us = 1'800'000'000;
  std::int64_t settle_us = 10'000'000;  // until what was asked for is to be seen
};

class FailoverState {
 public:
  enum class Serving { primary, backup };

  /// Empty: the primary serves. Throws json::exception where it is not one of text().
  static FailoverState read(std::string_view text);
  std::string text() const;

  /// Shares of bad answers; none: nobody knows. `seen`: which serves, where somebody knows: it corrects what this remembers once
  /// `settle` has passed. Answers which is to be asked for, if any.
  std::optional<Serving> decide(const FailoverLaw& law, std::int64_t now_us,
                                std::optional<double> primary, std::optional<double> backup,
                                std::optional<Serving> seen);
  const std::string& reason() const { return reason_; }

 private:
  std::optional<Serving> ask(Serving serving, std::int64_t now_us, std::string reason);
  std::int64_t backed_off(const FailoverLaw& law, std::int64_t first_us) const;

  Serving serving_ = Serving::primary;
  std::int64_t asked_us_ = 0;  // for it; 0: never
  // Since when each look saw it so; 0: the last did not.
  std::int64_t primary_bad_us_ = 0, primary_well_us_ = 0, backup_bad_us_ = 0;
  std::vector<std::int64_t> over_us_;  // when it switched over, within the last hour
  std::string reason_;
};

}  // namespace scanflow::strategies
