#include "plugins/strategies/placement/law.hpp"

#include <algorithm>
#include <cmath>

namespace scanflow::strategies {

using nlohmann::json;

ShareState ShareState::read(std::string_view text) {
  ShareState state;
  if (text.empty()) return state;
  const json document = json::parse(text);
  state.is_placed = document.at("placed");
  state.share_ = document.at("share");
  state.changed_us_ = document.at("changed_us");
  state.level_ = document.at("level");
  state.seen_us_ = document.at("seen_us");
  return state;
}

std::string ShareState::text() const {
  return json{{"placed", is_placed},
              {"share", share_},
              {"changed_us", changed_us_},
              {"level", level_},
              {"seen_us", seen_us_}}
      .dump();
}

double ShareState::follow(const ShareLaw& law, std::int64_t now_us, double online) {
  const auto passed_us = static_cast<double>(now_us - seen_us_);
  const auto smoothing_us = static_cast<double>(law.smoothing_us);
  const bool is_old = seen_us_ == 0 || passed_us > 10 * smoothing_us;  // it says nothing of now
  level_ += (is_old ? 1 : 1 - std::exp(-passed_us / smoothing_us)) * (online - level_);
  seen_us_ = now_us;
  return level_;
}

std::optional<double> ShareState::decide(const ShareLaw& law, std::int64_t now_us,
                                         std::optional<double> online, std::optional<double> seen) {
  if (online) online = follow(law, now_us, *online);
  if (!online) seen_us_ = 0;
  if (changed_us_ != 0 && now_us - changed_us_ < law.settle_us) return std::nullopt;
  if (seen) share_ = std::clamp(*seen, 0.0, 1.0);
  double wanted = share_;
  if (online && *online > law.target) {
    wanted = share_ * law.decrease;
  } else if (!online || *online < (1 - law.tolerance) * law.target) {
    wanted = share_ + law.increase;
  }
  wanted = std::clamp(std::round(wanted * 1e4) / 1e4, law.min_share, 1.0);
  if (std::abs(wanted - share_) < 1e-4) return std::nullopt;
  share_ = wanted;
  changed_us_ = now_us;
  return wanted;
}

}  // namespace scanflow::strategies
