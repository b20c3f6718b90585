#include "plugins/strategies/scale/law.hpp"

#include <algorithm>
#include <cmath>

namespace scanflow::strategies {
namespace {

using nlohmann::json;

constexpr double kSecondUs = 1e6;

}  // namespace

ScaleState ScaleState::read(std::string_view text) {
  ScaleState state;
  if (text.empty()) return state;
  const json document = json::parse(text);
  state.seen_us_ = document.at("seen_us");
  state.level_ = document.at("level");
  state.trend_ = document.at("trend");
  for (const json& wish : document.at("wishes")) state.wishes_.push_back({wish[0], wish[1]});
  return state;
}

std::string ScaleState::text() const {
  json wishes = json::array();
  for (const Wish& wish : wishes_) wishes.push_back({wish.at_us, wish.count});
  return json{{"seen_us", seen_us_}, {"level", level_}, {"trend", trend_}, {"wishes", wishes}}
      .dump();
}

void ScaleState::follow(const ScaleLaw& law, std::int64_t now_us, double demand) {
  const double passed_s = static_cast<double>(now_us - seen_us_) / kSecondUs;
  const double smoothing_s = static_cast<double>(law.smoothing_us) / kSecondUs;
  if (seen_us_ == 0 || passed_s > 10 * smoothing_s) {  // it says nothing of now any more
    level_ = demand;
    trend_ = 0;
  } else if (passed_s > 0) {
    const double before = level_;
    const double expected = level_ + trend_ * passed_s;
    level_ = expected + (1 - std::exp(-passed_s / smoothing_s)) * (demand - expected);
    trend_ +=
        (1 - std::exp(-passed_s / (4 * smoothing_s))) * ((level_ - before) / passed_s - trend_);
  }
  seen_us_ = now_us;
}

std::int64_t ScaleState::decide(const ScaleLaw& law, std::int64_t now_us, double demand,
                                std::int64_t replicas) {
  follow(law, now_us, demand);
  const double ahead_s = static_cast<double>(law.ahead_us) / kSecondUs;
  forecast_ = ahead_s > 0 ? std::max(demand, level_ + trend_ * ahead_s) : demand;
  const double share =
      forecast_ / (law.target * static_cast<double>(std::max<std::int64_t>(1, replicas)));
  std::int64_t wish = replicas;
  if (replicas == 0 || std::abs(share - 1) > law.tolerance)
    wish = static_cast<std::int64_t>(
        std::min(std::ceil(forecast_ / law.target), static_cast<double>(law.max)));
  wish = std::clamp(wish, law.min, law.max);
  while (!wishes_.empty() && wishes_.back().count <= wish) wishes_.pop_back();
  wishes_.push_back({now_us, wish});
  while (now_us - wishes_.front().at_us > law.stabilization_us) wishes_.erase(wishes_.begin());
  return std::clamp(wishes_.front().count, law.min, law.max);
}

}  // namespace scanflow::strategies
