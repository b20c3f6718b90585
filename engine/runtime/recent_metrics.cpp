#include "engine/runtime/recent_metrics.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "engine/runtime/namespaces.hpp"

namespace scanflow::runtime {
namespace {

constexpr std::size_t kMostWarned = 100;
constexpr std::size_t kFewWatched = 100;
constexpr std::size_t kMostWatched = 100'000;  // series that there are when a watch begins

/// A series as one number that is never 0, for the hub.
std::uint64_t number_of(const knowledge::SeriesId& id) {
  return (std::uint64_t{id.slot} + 1) << 32 | id.generation;
}
knowledge::SeriesId series_of(std::uint64_t number) {
  return {static_cast<std::uint32_t>((number >> 32) - 1), static_cast<std::uint32_t>(number)};
}

}  // namespace

RecentMetrics::RecentMetrics(Warn warn, knowledge::Options options)
    : warn_(std::move(warn)), options_(options) {}

knowledge::Knowledge& RecentMetrics::writable() {
  if (!knowledge_) {
    knowledge_ = std::make_unique<knowledge::Knowledge>(
        options_, [this](const std::string& warning) { warn(warning); });
    made_.store(knowledge_.get(), std::memory_order_release);
  }
  return *knowledge_;
}

void RecentMetrics::warn(const std::string& what) {
  if (warn_ && warned_.size() < kMostWarned && warned_.insert(what).second) warn_(what);
}

Result<knowledge::SeriesId> RecentMetrics::add(const std::string& name, const Labels& labels,
                                               knowledge::Kind kind, std::int64_t now_us) {
  auto id = writable().add(name, labels, kind, now_us);
  if (id && !watches_.empty()) note(*id, name, labels);
  if (id) return id;
  // Of a limit Knowledge has warned itself, once for each name.
  const std::uint64_t over_limit = knowledge_->usage().refused;
  if (over_limit == std::exchange(over_limit_, over_limit)) warn(id.error().message);
  return id;
}

std::uint64_t RecentMetrics::series(const hub::SidecarKey& from, const protocol::Series& series,
                                    std::int64_t now_us, const std::string& pod) {
  const auto kind = series.kind == "counter" ? knowledge::Kind::counter : knowledge::Kind::gauge;
  Labels labels = series.labels;
  if (const auto name_space = namespace_of_user(from.user)) {
    if (const auto run = labels.find("run"); run != labels.end() && run->second != from.pod_uid)
      return 0;
    labels["namespace"] = *name_space;
    labels["pod"] = pod;
  }
  // What is of a Pod as a whole is told apart by its Pod.
  if (!labels.contains("run")) labels.emplace("pod", from.pod_uid);
  const std::lock_guard lock(writing_);
  const auto id = add(series.name, labels, kind, now_us);
  return id ? number_of(*id) : 0;
}

void RecentMetrics::samples(std::span<const hub::Sample> samples, std::int64_t now_us) {
  const std::lock_guard lock(writing_);
  batch_.clear();
  for (const hub::Sample& sample : samples)
    batch_.push_back({series_of(sample.series), {sample.time_us, sample.value}});
  if (!watched_.empty())
    for (const knowledge::SeriesSample& each : batch_) tell(each.series, each.sample);
  if (!writable().append(batch_, now_us).unknown.empty()) {
    warn(
        "samples of series that had none for an hour are not kept until their sidecar names them "
        "again, with its next session");
  }
}

void RecentMetrics::logged(const protocol::Metric& metric, std::int64_t now_us,
                           const hub::SidecarKey& from, const std::string& pod) {
  Labels labels = metric.labels;
  if (const auto name_space = namespace_of_user(from.user)) {
    labels["namespace"] = *name_space;
    labels["pod"] = pod;
  }
  labels["run"] = metric.id.run;
  labels["step"] = metric.id.step;
  labels["attempt"] = std::to_string(metric.id.attempt);
  take(metric.name, labels, knowledge::Kind::gauge, {metric.time_us, metric.value}, now_us);
}

void RecentMetrics::observed(const std::string& name, const Labels& labels, knowledge::Kind kind,
                             const knowledge::Sample& sample) {
  take(name, labels, kind, sample, sample.time_us);
}

void RecentMetrics::take(const std::string& name, const Labels& labels, knowledge::Kind kind,
                         const knowledge::Sample& sample, std::int64_t now_us) {
  const std::lock_guard lock(writing_);
  const auto id = add(name, labels, kind, now_us);
  if (!id) return;
  writable().append(*id, sample, now_us);
  if (!watched_.empty()) tell(*id, sample);
}

std::uint64_t RecentMetrics::watch(std::string name, const Labels& labels,
                                   std::function<void(nlohmann::json sample)> tell) {
  const std::lock_guard lock(writing_);
  const std::uint64_t number = ++last_watch_;
  LabelSelector selector;
  for (const auto& [key, value] : labels) selector.require(key, LabelSelector::Is::among, {value});
  watches_[number] = {std::move(name), std::move(selector), std::move(tell)};
  note_all();
  return number;
}

/// Series that nobody has heard of for long are not kept. Under the lock.
void RecentMetrics::note_all() {
  watched_.clear();
  if (!knowledge_) return;
  for (const auto& [number, watch] : watches_)
    for (const knowledge::SeriesInfo& each :
         knowledge_->series(watch.name, watch.labels, kMostWatched))
      note(each.id, each.name, each.labels);
}

void RecentMetrics::unwatch(std::uint64_t number) {
  const std::lock_guard lock(writing_);
  watches_.erase(number);
  for (auto series = watched_.begin(); series != watched_.end();) {
    std::erase(series->second.by, number);
    series = series->second.by.empty() ? watched_.erase(series) : std::next(series);
  }
}

/// Who watches this series? Under the lock.
void RecentMetrics::note(const knowledge::SeriesId& id, const std::string& name,
                         const Labels& labels) {
  if (watched_.contains({id.slot, id.generation})) return;
  std::vector<std::uint64_t> by;
  for (const auto& [number, watch] : watches_)
    if (watch.name == name && watch.labels.matches(labels)) by.push_back(number);
  if (by.empty()) return;
  watched_[{id.slot, id.generation}] = {name, labels, std::move(by)};
}

/// Under the lock.
void RecentMetrics::tell(const knowledge::SeriesId& id, const knowledge::Sample& sample) const {
  const auto found = watched_.find({id.slot, id.generation});
  if (found == watched_.end()) return;
  const nlohmann::json told = {{"name", found->second.name},
                               {"labels", found->second.labels},
                               {"time_us", sample.time_us},
                               {"value", sample.value}};
  for (const std::uint64_t each : found->second.by) watches_.at(each).tell(told);
}

void RecentMetrics::maintain(std::int64_t now_us) {
  const std::lock_guard lock(writing_);
  if (knowledge_) knowledge_->maintain(now_us);
  if (watched_.size() <= 2 * noted_) return;
  note_all();
  noted_ = std::max(watched_.size(), kFewWatched);
}

}  // namespace scanflow::runtime
