#include "engine/runtime/recent_metrics.hpp"

#include <utility>

#include "engine/runtime/namespaces.hpp"

namespace scanflow::runtime {
namespace {

constexpr std::size_t kMostWarned = 100;

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
  const std::lock_guard lock(writing_);
  const auto id = add(metric.name, labels, knowledge::Kind::gauge, now_us);
  if (id) writable().append(*id, {metric.time_us, metric.value}, now_us);
}

void RecentMetrics::maintain(std::int64_t now_us) {
  const std::lock_guard lock(writing_);
  if (knowledge_) knowledge_->maintain(now_us);
}

}  // namespace scanflow::runtime
