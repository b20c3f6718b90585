#include "plugins/strategies/early_stop/law.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace scanflow::strategies {
namespace {

using nlohmann::json;

constexpr std::size_t kMostTrials = 48, kMostMeans = 48;
constexpr std::int64_t kAskAgain = 3;

/// Five digits are enough to compare by, and short.
double shortened(double value) {
  return std::strtod(fmt::format("{:.5g}", value).c_str(), nullptr);
}

}  // namespace

Trials Trials::read(std::string_view text) {
  Trials trials;
  if (text.empty()) return trials;
  const json document = json::parse(text);
  trials.stride_ = document.at("stride");
  for (const auto& [name, each] : document.at("trials").items()) {
    Trial& trial = trials.trials_[name];
    trial = {each.at(0), each.at(1), each.at(2), each.at(3), each.at(4), each.at(5), {}};
    const json& means = each.at(6);
    for (std::size_t i = 0; i + 1 < means.size(); i += 2)
      trial.means.emplace_back(means[i], means[i + 1]);
  }
  return trials;
}

std::string Trials::text() const {
  json trials = json::object();
  for (const auto& [name, each] : trials_) {
    json means = json::array();
    for (const auto& [step, mean] : each.means) {
      means.push_back(step);
      means.push_back(mean);
    }
    trials[name] = {each.sum, each.best, each.count, each.last, each.asked, each.heard_us, means};
  }
  return json{{"stride", stride_}, {"trials", trials}}.dump();
}

void Trials::forget(std::int64_t before_us, const std::string& but) {
  std::erase_if(trials_, [&](const auto& each) {
    return each.first != but && each.second.heard_us < before_us;
  });
  while (trials_.size() > kMostTrials) {
    trials_.erase(std::min_element(trials_.begin(), trials_.end(), [&](auto& a, auto& b) {
      return std::pair(a.first == but, a.second.heard_us) <
             std::pair(b.first == but, b.second.heard_us);
    }));
  }
}

void Trials::thin(const Trial& longest) {
  while (longest.means.size() > kMostMeans) {
    stride_ *= 2;
    for (auto& [name, each] : trials_)
      std::erase_if(each.means, [&](const auto& mean) { return mean.first % stride_ != 0; });
  }
}

std::optional<double> Trials::median_of_others(const MedianRule& rule, const std::string& trial,
                                               std::int64_t step) const {
  std::vector<double> means;
  for (const auto& [name, each] : trials_) {
    if (name == trial || each.last < step) continue;
    const auto after =
        std::upper_bound(each.means.begin(), each.means.end(), step,
                         [](std::int64_t at, const auto& mean) { return at < mean.first; });
    if (after != each.means.begin()) means.push_back(std::prev(after)->second);
  }
  if (means.empty() || means.size() < rule.min_trials) return std::nullopt;
  std::sort(means.begin(), means.end());
  return (means[(means.size() - 1) / 2] + means[means.size() / 2]) / 2;
}

bool Trials::hear(const MedianRule& rule, std::int64_t now_us, const std::string& trial,
                  std::optional<std::int64_t> step, double value) {
  Trial& heard = trials_[trial];
  const std::int64_t at = step.value_or(heard.last + 1);
  if (at <= heard.last) return false;
  heard.best = heard.count == 0 ? value : std::max(heard.best, value);
  heard.sum += value;
  ++heard.count;
  heard.last = at;
  heard.heard_us = now_us;
  forget(now_us - rule.forget_us, trial);
  if (at % stride_ == 0) {
    heard.means.emplace_back(at, shortened(heard.sum / static_cast<double>(heard.count)));
    thin(heard);
  }
  if (at < rule.grace || (heard.asked > 0 && heard.count - heard.asked < kAskAgain)) return false;
  const auto median = median_of_others(rule, trial, at);
  if (!median || !(heard.best < *median)) return false;
  heard.asked = heard.count;
  best_ = heard.best;
  median_ = *median;
  return true;
}

}  // namespace scanflow::strategies
