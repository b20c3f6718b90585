// The attempts of a step of which two were in flight at once, for documents. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace scanflow::runtime {

using nlohmann::json;

class HedgedAttempts {
 public:
  void started(std::uint32_t attempt, std::int64_t time_us);
  /// `cause`: "none": it succeeded.
  void ended(std::uint32_t attempt, std::int64_t time_us, const std::string& cause);
  /// Were ever two in flight?
  bool any() const { return hedged_; }
  /// From those on that were the first two at once: {"attempts": [{"attempt", "started_us", "ended_us" (0: it runs),
  /// "cause" (null: none), "hedge" (it began beside the other one)}], "first": N (whose success was the step's; null:
  /// none's)}.
  json document() const { return {{"attempts", attempts_}, {"first", first_}}; }

 private:
  json attempts_ = json::array(), first_;
  std::size_t in_flight_ = 0;
  bool hedged_ = false;
};

}  // namespace scanflow::runtime
