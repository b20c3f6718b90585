#include "plugins/triggers/drift/followed.hpp"

#include <algorithm>

namespace scanflow::triggers {
namespace {

constexpr std::size_t kMostNames = 24u << 10;  // bytes of all of them, as the state writes them

std::size_t written(const std::string& series) { return nlohmann::json(series).dump().size(); }

}  // namespace

Followed Followed::read(std::string_view text) {
  Followed followed;
  if (text.empty()) return followed;
  const auto state = nlohmann::json::parse(text);
  for (const auto& [name, of] : state.at("series").items())
    followed.series_.emplace(name, Change::read(of));
  followed.without_room_ = state.at("without_room");
  return followed;
}

std::string Followed::text() const {
  nlohmann::json series = nlohmann::json::object();
  for (const auto& [name, of] : series_) series[name] = of.state();
  return nlohmann::json{{"series", series}, {"without_room", without_room_}}.dump();
}

bool Followed::make_room(const std::string& series, std::int64_t now_us) {
  const auto fits = [&] {
    std::size_t bytes = written(series);
    for (const auto& [name, of] : series_) bytes += written(name);
    return series_.size() < kMost && bytes <= kMostNames;
  };
  while (!fits()) {
    const auto oldest = std::min_element(
        series_.begin(), series_.end(),
        [](const auto& a, const auto& b) { return a.second.newest_us() < b.second.newest_us(); });
    if (oldest == series_.end() || oldest->second.newest_us() > now_us - kForgetUs) return false;
    series_.erase(oldest);
  }
  return true;
}

std::optional<Alarm> Followed::take(const Law& law, const std::string& series, std::int64_t time_us,
                                    double value) {
  if (!series_.contains(series) && !make_room(series, time_us)) {
    ++without_room_;
    return std::nullopt;
  }
  return series_[series].take(law, time_us, value);
}

}  // namespace scanflow::triggers
