// Local rules: what the sidecar does by itself, also while the engine is away. One small form, no
// script:  memory_used_ratio > 0.92 rising for 5s -> checkpoint
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sdk/base/result.hpp"
#include "sidecar/collect/history.hpp"

namespace scanflow::collect {

enum class Trend : std::uint8_t { any, rising, falling };

struct Rule {
  Signal signal = Signal::memory_used_ratio;
  Op op = Op::above;
  double bound = 0;
  Trend trend = Trend::any;
  double slope = 0;         // at least that much a second, up or down as `trend` says
  std::int64_t for_us = 0;  // held so long
  std::string primitive;    // its name; whether there is such a one is not known here
};

/// SIGNAL OP BOUND [rising|falling [AMOUNT/s]] [for DURATION] -> PRIMITIVE
/// OP: > >= < <=. Numbers are plain, or with % for ratios, or with a unit (512Mi) for bytes. A
/// duration is at most the 60 s that are remembered. An error says what, where and the form.
Result<Rule> parse_rule(std::string_view text);
/// The same text again.
std::string text_of(const Rule& rule);

/// Why a rule fired.
struct Firing {
  double value = 0;
  std::optional<double> slope;  // a second
  std::int64_t time_us = 0;     // of the sample
};

/// One rule on one workload. It fires when its condition comes to hold, and again only after the
/// signal has been back behind the bound by a twentieth of it: not at each crossing of a value that
/// flutters. Pure.
class RuleWatch {
 public:
  explicit RuleWatch(Rule rule) : rule_(std::move(rule)) {}

  /// Call after each sample. Where the latest sample is older than kStaleUs, or the signal is
  /// absent, nothing is known: it neither fires nor is ready again.
  std::optional<Firing> look(const History& history, std::int64_t now_us);
  const Rule& rule() const { return rule_; }
  bool ready() const { return ready_; }

  static constexpr std::int64_t kStaleUs = 10'000'000;

 private:
  bool trend_holds(const std::optional<double>& slope, std::int64_t window_us) const;
  Rule rule_;
  bool ready_ = true;
};

}  // namespace scanflow::collect
