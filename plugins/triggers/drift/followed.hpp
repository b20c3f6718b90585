// The series of a metric, each with a test of its own, in a state of bounded size. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "plugins/triggers/drift/change.hpp"

namespace scanflow::triggers {

/// At most 150 series. Where there is no room for another, one that was silent for an hour gives its place; else the new
/// one's samples are counted, and left out.
class Followed {
 public:
  static constexpr std::size_t kMost = 150;
  static constexpr std::int64_t kForgetUs = 3'600'000'000;

  /// Empty: none yet. Throws json::exception where it is not one of text().
  static Followed read(std::string_view text);
  std::string text() const;  // below 64 KiB

  /// `series`: its labels, in order.
  std::optional<Alarm> take(const Law& law, const std::string& series, std::int64_t time_us,
                            double value);
  std::int64_t without_room() const { return without_room_; }  // samples

 private:
  bool make_room(const std::string& series, std::int64_t now_us);

  std::map<std::string, Change> series_;
  std::int64_t without_room_ = 0;
};

}  // namespace scanflow::triggers
