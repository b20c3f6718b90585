#include "plugins/triggers/signals/level.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace scanflow::triggers {
namespace {

using nlohmann::json;

/// The state has 64 KiB, of JSON.
constexpr std::size_t kMostPoints = 500, kMostSeries = 250;
constexpr std::size_t kMostNames = 16u << 10;  // bytes, of all of them

bool is_counter(Function function) {
  return function == Function::rate || function == Function::increase;
}

bool beyond(const Limit& limit, double value) {
  return limit.above ? value > limit.limit : value < limit.limit;
}
bool is_clear(const Limit& limit, double value) {
  return limit.above ? value <= limit.clear : value >= limit.clear;
}

}  // namespace

Limit limit_of(std::optional<double> above, std::optional<double> below,
               std::optional<double> clear) {
  if (above.has_value() == below.has_value())
    throw std::invalid_argument("above, below: write one of them");
  Limit limit;
  limit.above = above.has_value();
  limit.limit = limit.above ? *above : *below;
  limit.clear = clear.value_or(limit.limit);
  if (limit.above ? limit.clear > limit.limit : limit.clear < limit.limit) {
    throw std::invalid_argument(
        fmt::format("clear: {:g} is on the side of the limit, {:g}, on which it fires", limit.clear,
                    limit.limit));
  }
  return limit;
}

Level Level::read(std::string_view text) {
  Level level;
  if (text.empty()) return level;
  const json state = json::parse(text);
  for (const auto& [name, of] : state.at("series").items())
    level.series_[name] = {of[0], of[1], of[2]};
  for (const json& point : state.at("points")) level.points_.push_back({point[0], point[1]});
  level.since_us_ = state.at("since_us");
  level.over_us_ = state.at("over_us");
  level.fired_ = state.at("fired");
  return level;
}

std::string Level::text() const {
  json series = json::object(), points = json::array();
  for (const auto& [name, of] : series_) series[name] = {of.time_us, of.value, of.grown};
  for (const Point& point : points_) points.push_back({point.time_us, point.value});
  return json{{"series", series},
              {"points", points},
              {"since_us", since_us_},
              {"over_us", over_us_},
              {"fired", fired_}}
      .dump();
}

void Level::take(const Limit& limit, const Sample& sample) {
  if (since_us_ == 0) since_us_ = sample.time_us;
  const auto known = series_.find(sample.series);
  if (known != series_.end() && sample.time_us <= known->second.time_us) return;
  if (known == series_.end() && !has_room(sample.series)) return;
  Series& series = series_[sample.series];
  // The first look at a counter says nothing of when it grew.
  const double grown = known == series_.end()         ? 0
                       : sample.value >= series.value ? sample.value - series.value
                                                      : sample.value;
  series = {sample.time_us, sample.value, series.grown + grown};
  points_.push_back({sample.time_us, is_counter(limit.function) ? grown : sample.value});
  const std::size_t most = limit.function == Function::increase ? 0
                           : limit.function == Function::last   ? 1
                                                                : kMostPoints;
  if (points_.size() > most)
    points_.erase(points_.begin(), points_.end() - static_cast<std::ptrdiff_t>(most));
}

bool Level::has_room(const std::string& series) const {
  std::size_t bytes = series.size();
  for (const auto& [name, of] : series_) bytes += name.size();
  return series_.size() < kMostSeries && bytes <= kMostNames;
}

std::optional<double> Level::value(const Limit& limit, std::int64_t now_us) const {
  if (limit.function == Function::increase) {
    if (series_.empty()) return std::nullopt;
    double sum = 0;
    for (const auto& [name, of] : series_) sum += of.grown;
    return sum;
  }
  if (limit.function == Function::last)
    return points_.empty() ? std::nullopt : std::optional(points_.back().value);
  double sum = 0, least = 0, most = 0;
  std::size_t count = 0;
  for (const Point& point : points_) {
    if (point.time_us <= now_us - limit.window_us) continue;
    least = count == 0 ? point.value : std::min(least, point.value);
    most = count == 0 ? point.value : std::max(most, point.value);
    sum += point.value;
    ++count;
  }
  if (count == 0) return std::nullopt;
  switch (limit.function) {
    case Function::min:
      return least;
    case Function::max:
      return most;
    case Function::rate:
      return sum / (static_cast<double>(limit.window_us) / 1e6);
    default:
      return sum / static_cast<double>(count);
  }
}

std::optional<json> Level::fire(const Limit& limit, std::int64_t now_us) {
  const auto value = this->value(limit, now_us);
  if (!value || !beyond(limit, *value)) over_us_ = 0;
  if (!value || is_clear(limit, *value)) fired_ = false;
  if (!value || !beyond(limit, *value)) return std::nullopt;
  if (over_us_ == 0) over_us_ = now_us;
  if (fired_ || now_us - over_us_ < limit.for_us) return std::nullopt;
  json evidence = {{"value", *value}, {"since_us", over_us_}, {"until_us", now_us}};
  fired_ = true;
  if (limit.function != Function::increase) return evidence;
  // What it has consumed is where the next one begins.
  evidence["since_us"] = since_us_;
  json cursor = json::object();
  for (auto& [name, of] : series_) {
    cursor[name] = of.value;
    of.grown = 0;
  }
  evidence["cursor"] = std::move(cursor);
  since_us_ = now_us;
  over_us_ = 0;
  fired_ = false;
  return evidence;
}

std::optional<std::int64_t> Level::next_us(const Limit& limit) const {
  if (over_us_ == 0 || fired_ || limit.for_us == 0) return std::nullopt;
  return over_us_ + limit.for_us;
}

}  // namespace scanflow::triggers
