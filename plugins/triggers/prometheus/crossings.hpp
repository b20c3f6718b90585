// Which series of a query are beyond a limit: each on its own edge, with hysteresis. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/triggers/prometheus/answer.hpp"
#include "plugins/triggers/signals/level.hpp"

namespace scanflow::triggers {

/// Only series that are beyond the limit, or were and are not clear yet, are kept: 200 of them. One that is beyond it and has no
/// room waits until there is some. One that has no value any more (as a comparison in the query makes it) is beyond
/// nothing; when it has fired, that is forgotten after 5 minutes, Prometheus's own staleness.
class Crossings {
 public:
  static constexpr std::size_t kMost = 200;
  static constexpr std::int64_t kForgetUs = 300'000'000;

  /// Empty: none yet. Throws json::exception where it is not one of text().
  static Crossings read(std::string_view text);
  std::string text() const;  // below 64 KiB

  /// The evidence of each firing: {"labels", "value", "since_us", "until_us", "time_us" (the server's)}.
  std::vector<nlohmann::json> take(const Limit& limit, const std::vector<QueryValue>& values,
                                   std::int64_t now_us);
  /// When one may fire that holds so far.
  std::optional<std::int64_t> next_us(const Limit& limit) const;
  std::int64_t without_room() const { return without_room_; }  // series, of the last take

 private:
  struct Kept {
    std::int64_t seen_us = 0;
    Level level;
  };
  bool has_room(const std::string& series) const;

  std::map<std::string, Kept> kept_;  // by labels
  std::int64_t without_room_ = 0;
};

}  // namespace scanflow::triggers
