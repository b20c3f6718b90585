// Does a metric cross a limit? What is known of its samples, and when that is told: on the edge, once. Pure; times are
// microseconds since 1970-01-01 UTC.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace scanflow::triggers {

enum class Function : std::uint8_t {
  last,  // the newest sample
  avg,   // of the samples of the window
  min,
  max,
  rate,      // of counters: what they grew by within the window, a second
  increase,  // of counters: what they grew by since it fired last, or was first woken
};

struct Limit {
  Function function = Function::last;
  bool above = true;  // else below
  double limit = 0;
  double clear = 0;  // at or beyond it on the other side it may fire again
  std::int64_t window_us = 60'000'000;
  std::int64_t for_us = 0;  // it must hold for so long
};

/// Of a configuration's fields. Throws std::invalid_argument: none or both of above and below, or clear is on their side.
Limit limit_of(std::optional<double> above, std::optional<double> below,
               std::optional<double> clear);

struct Sample {
  std::int64_t time_us = 0;
  double value = 0;
  std::string series;  // of which one: its labels, in order
};

/// A counter that falls was started again: it has grown by what it shows. Samples of a series that come late (a time not
/// after its newest) are left out: a restart repeats none.
class Level {
 public:
  /// Empty: none yet. Throws json::exception where it is not one of text().
  static Level read(std::string_view text);
  std::string text() const;

  void take(const Limit& limit, const Sample& sample);
  /// The evidence, where it fires now.
  std::optional<nlohmann::json> fire(const Limit& limit, std::int64_t now_us);
  /// When it may fire without another sample.
  std::optional<std::int64_t> next_us(const Limit& limit) const;
  /// It has fired, and was not clear since.
  bool has_fired() const { return fired_; }
  /// A new one would do the same, but for the samples that this one has seen.
  bool is_idle() const { return over_us_ == 0 && !fired_; }

 private:
  struct Series {
    std::int64_t time_us = 0;
    double value = 0;
    double grown = 0;  // since it fired last
  };
  struct Point {
    std::int64_t time_us = 0;
    double value = 0;  // of counters: what it grew by
  };
  bool has_room(const std::string& series) const;
  std::optional<double> value(const Limit& limit, std::int64_t now_us) const;

  std::map<std::string, Series> series_;
  std::vector<Point> points_;  // of the window, the newest kMostPoints at most
  std::int64_t since_us_ = 0;  // of what has grown; 0: nothing was seen
  std::int64_t over_us_ = 0;   // since when it holds; 0: it does not
  bool fired_ = false;         // and was not clear since
};

}  // namespace scanflow::triggers
