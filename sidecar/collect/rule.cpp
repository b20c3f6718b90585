#include "sidecar/collect/rule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "sdk/base/nearest.hpp"
#include "sdk/base/units.hpp"
#include "sidecar/collect/text.hpp"

namespace scanflow::collect {
namespace {

constexpr std::string_view kForm =
    "SIGNAL > BOUND [rising|falling [AMOUNT/s]] [for DURATION] -> PRIMITIVE, for example "
    "'memory_used_ratio > 0.92 rising for 5s -> checkpoint'";
constexpr std::int64_t kLongestUs = 60'000'000;
constexpr std::array<std::string_view, 4> kOps = {">", ">=", "<", "<="};
constexpr std::array<std::string_view, 3> kTrends = {"", "rising", "falling"};

tl::unexpected<Error> refuse(std::string_view text, std::string_view what) {
  return fail(fmt::format("rule '{}': {} (the form is {})", text, what, kForm));
}

std::optional<Signal> signal_named(std::string_view name) {
  for (const SignalDescription& row : signals()) {
    if (row.name == name) return row.signal;
  }
  return std::nullopt;
}

std::string unknown_signal(std::string_view name) {
  std::vector<std::string> names;
  for (const SignalDescription& row : signals()) names.emplace_back(row.name);
  const std::string near = nearest(name, names);
  const std::string meant = near.empty() ? "" : fmt::format(", did you mean '{}'?", near);
  return fmt::format("there is no signal '{}'{} There are: {}", name, meant,
                     fmt::join(names, ", "));
}

/// In the signal's unit.
std::optional<double> amount_of(std::string_view word, std::string_view unit) {
  if (unit == "ratio" && word.ends_with('%')) {
    word.remove_suffix(1);
    const auto percent = number_of<double>(word);
    return percent ? std::optional(*percent / 100) : std::nullopt;
  }
  if (const auto plain = number_of<double>(word)) {
    return std::isfinite(*plain) ? plain : std::nullopt;
  }
  if (unit != "bytes") return std::nullopt;
  const auto bytes = parse_bytes(word);
  return bytes ? std::optional(static_cast<double>(*bytes)) : std::nullopt;
}

bool is_name(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

/// Takes "rising", and an amount where one follows.
Result<void> take_trend(std::string_view text, std::string_view& rest, std::string_view unit,
                        Rule& rule) {
  std::string_view ahead = rest;
  const std::string_view word = take_word(ahead);
  if (word != "rising" && word != "falling") return {};
  rule.trend = word == "rising" ? Trend::rising : Trend::falling;
  rest = ahead;
  const std::string_view amount = take_word(ahead);
  if (amount == "for" || amount == "->") return {};
  const bool each_second = amount.ends_with("/s");
  const auto slope =
      each_second ? amount_of(amount.substr(0, amount.size() - 2), unit) : std::nullopt;
  if (!slope || *slope < 0) {
    return refuse(text, fmt::format("'{}' is not an amount a second (10Mi/s, 0.01/s)", amount));
  }
  rule.slope = *slope;
  rest = ahead;
  return {};
}

}  // namespace

Result<Rule> parse_rule(std::string_view text) {
  std::string_view rest = text;
  Rule rule;
  const std::string_view name = take_word(rest);
  const auto signal = signal_named(name);
  if (!signal) return refuse(text, unknown_signal(name));
  rule.signal = *signal;
  const std::string_view unit = describe(*signal).unit;

  const std::string_view op = take_word(rest);
  const auto* found = std::find(kOps.begin(), kOps.end(), op);
  if (found == kOps.end()) return refuse(text, fmt::format("'{}' is not one of > >= < <=", op));
  rule.op = static_cast<Op>(found - kOps.begin());

  const std::string_view bound = take_word(rest);
  const auto amount = amount_of(bound, unit);
  if (!amount) return refuse(text, fmt::format("'{}' is not a bound of {}", bound, name));
  rule.bound = *amount;
  if (auto trend = take_trend(text, rest, unit, rule); !trend) return tl::unexpected(trend.error());

  std::string_view word = take_word(rest);
  if (word == "for") {
    const std::string_view length = take_word(rest);
    const auto duration = parse_duration(length);
    if (!duration) return refuse(text, duration.error().message);
    if (*duration > kLongestUs) {
      return refuse(text, fmt::format("'for {}' is longer than the 60 s remembered", length));
    }
    rule.for_us = *duration;
    word = take_word(rest);
  }
  if (word != "->") return refuse(text, fmt::format("'->' is expected where '{}' is", word));
  const std::string_view primitive = take_word(rest);
  if (!is_name(primitive)) {
    return refuse(text, fmt::format("'{}' is not a primitive's name", primitive));
  }
  rule.primitive = primitive;
  if (const auto more = take_word(rest); !more.empty()) {
    return refuse(text, fmt::format("'{}' is left over", more));
  }
  return rule;
}

namespace {

/// The largest unit that leaves a whole number, if one does.
template <std::size_t N>
std::string in_units(double value, const std::array<std::pair<double, const char*>, N>& units) {
  for (const auto& [size, name] : units) {
    const double count = value / size;
    if (count >= 1 && count == std::floor(count)) return fmt::format("{}{}", count, name);
  }
  return {};
}

std::string amount_of(double value, std::string_view unit) {
  constexpr std::array<std::pair<double, const char*>, 3> kBytes = {
      {{1u << 30, "Gi"}, {1u << 20, "Mi"}, {1u << 10, "Ki"}}};
  if (unit == "ratio") return fmt::format("{:.6g}%", value * 100);
  const std::string bytes = unit == "bytes" ? in_units(value, kBytes) : std::string();
  return bytes.empty() ? fmt::format("{}", value) : bytes;
}

std::string duration_text(std::int64_t us) {
  constexpr std::array<std::pair<double, const char*>, 2> kTimes = {{{1e6, "s"}, {1e3, "ms"}}};
  const std::string text = in_units(static_cast<double>(us), kTimes);
  return text.empty() ? fmt::format("{}us", us) : text;
}

}  // namespace

std::string text_of(const Rule& rule) {
  const SignalDescription& signal = describe(rule.signal);
  std::string text = fmt::format("{} {} {}", signal.name, kOps[static_cast<std::size_t>(rule.op)],
                                 amount_of(rule.bound, signal.unit));
  if (rule.trend != Trend::any) {
    text += fmt::format(" {}", kTrends[static_cast<std::size_t>(rule.trend)]);
    if (rule.slope > 0) text += fmt::format(" {}/s", amount_of(rule.slope, signal.unit));
  }
  if (rule.for_us > 0) text += " for " + duration_text(rule.for_us);
  return text + " -> " + rule.primitive;
}

/// Over the window it must change by a thousandth of the bound at least: noise is no trend.
bool RuleWatch::trend_holds(const std::optional<double>& slope, std::int64_t window_us) const {
  if (rule_.trend == Trend::any) return true;
  if (!slope) return false;
  constexpr double kNoise = 0.001;
  const double along = rule_.trend == Trend::rising ? *slope : -*slope;
  const double window_s = static_cast<double>(window_us) / 1e6;
  return along * window_s > kNoise * std::fabs(rule_.bound) && along >= rule_.slope;
}

std::optional<Firing> RuleWatch::look(const History& history, std::int64_t now_us) {
  const auto value = history.latest(rule_.signal);
  if (!value || now_us - history.latest_us() > kStaleUs) return std::nullopt;
  constexpr double kBack = 0.05;
  const bool upward = rule_.op == Op::above || rule_.op == Op::at_least;
  const double margin = kBack * std::fabs(rule_.bound);
  if (!holds(rule_.op, *value, upward ? rule_.bound - margin : rule_.bound + margin)) ready_ = true;
  if (!ready_ || !history.held(rule_.signal, rule_.op, rule_.bound, rule_.for_us)) {
    return std::nullopt;
  }
  constexpr std::int64_t kShortestUs = 3'000'000;  // a slope of less would be noise
  const std::int64_t window_us = std::max(rule_.for_us, kShortestUs);
  const auto slope = history.slope(rule_.signal, window_us);
  if (!trend_holds(slope, window_us)) return std::nullopt;
  ready_ = false;
  return Firing{*value, slope, history.latest_us()};
}

}  // namespace scanflow::collect
