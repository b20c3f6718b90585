#include "plugins/triggers/prometheus/crossings.hpp"

#include <algorithm>

namespace scanflow::triggers {
namespace {

using nlohmann::json;

constexpr std::size_t kMostLabels = 20u << 10;  // bytes of all of them, as the state writes them

std::size_t size_in_state(const std::string& series) { return json(series).dump().size(); }

}  // namespace

Crossings Crossings::read(std::string_view text) {
  Crossings crossings;
  if (text.empty()) return crossings;
  const json state = json::parse(text);
  for (const auto& [series, of] : state.items())
    crossings.kept_[series] = {of.at(0), Level::read(of.at(1).dump())};
  return crossings;
}

std::string Crossings::text() const {
  json state = json::object();
  for (const auto& [series, of] : kept_)
    state[series] = json::array({of.seen_us, json::parse(of.level.text())});
  return state.dump();
}

bool Crossings::has_room(const std::string& series) const {
  std::size_t bytes = size_in_state(series);
  for (const auto& [name, of] : kept_) bytes += size_in_state(name);
  return kept_.size() < kMost && bytes <= kMostLabels;
}

std::vector<json> Crossings::take(const Limit& limit, const std::vector<QueryValue>& values,
                                  std::int64_t now_us) {
  std::vector<json> fires;
  without_room_ = 0;
  std::vector<std::pair<std::string, const QueryValue*>> fresh;
  for (const QueryValue& value : values) {
    const std::string series = value.labels.dump();
    const auto found = kept_.find(series);
    if (found == kept_.end()) {
      fresh.emplace_back(series, &value);
      continue;
    }
    found->second.seen_us = now_us;
    found->second.level.take(limit, {value.time_us, value.value, ""});
    if (auto evidence = found->second.level.fire(limit, now_us)) {
      evidence->update({{"labels", value.labels}, {"time_us", value.time_us}});
      fires.push_back(std::move(*evidence));
    }
  }
  std::erase_if(kept_, [&](const auto& each) {
    const auto& [seen_us, level] = each.second;
    const bool is_absent = seen_us != now_us;
    return level.is_idle() || (is_absent && (!level.has_fired() || now_us - seen_us >= kForgetUs));
  });
  for (const auto& [series, value] : fresh) {
    Level level;
    level.take(limit, {value->time_us, value->value, ""});
    auto evidence = level.fire(limit, now_us);
    if (level.is_idle()) continue;
    if (!has_room(series)) {
      ++without_room_;
      continue;
    }
    kept_[series] = {now_us, std::move(level)};
    if (!evidence) continue;
    evidence->update({{"labels", value->labels}, {"time_us", value->time_us}});
    fires.push_back(std::move(*evidence));
  }
  return fires;
}

std::optional<std::int64_t> Crossings::next_us(const Limit& limit) const {
  std::optional<std::int64_t> next_us;
  for (const auto& [series, of] : kept_)
    if (const auto each = of.level.next_us(limit))
      next_us = std::min(*each, next_us.value_or(*each));
  return next_us;
}

}  // namespace scanflow::triggers
