#include "engine/runtime/hedged_attempts.hpp"

#include <algorithm>

namespace scanflow::runtime {

void HedgedAttempts::started(std::uint32_t attempt, std::int64_t time_us) {
  const bool hedge = in_flight_++ > 0;
  if (!hedged_) {  // those before have ended, each before the next began
    const auto over = [](const json& each) { return each.at("ended_us") > 0; };
    attempts_.erase(std::remove_if(attempts_.begin(), attempts_.end(), over), attempts_.end());
  }
  hedged_ = hedged_ || hedge;
  attempts_.push_back({{"attempt", attempt},
                       {"started_us", time_us},
                       {"ended_us", 0},
                       {"cause", nullptr},
                       {"hedge", hedge}});
}

void HedgedAttempts::ended(std::uint32_t attempt, std::int64_t time_us, const std::string& cause) {
  for (json& each : attempts_) {
    if (each.at("attempt") != attempt) continue;
    if (in_flight_ > 0) --in_flight_;
    each["ended_us"] = time_us;
    if (cause != "none") each["cause"] = cause;
    if (cause == "none") first_ = attempt;
  }
}

}  // namespace scanflow::runtime
