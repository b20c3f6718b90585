#include "engine/runtime/top.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <string_view>
#include <utility>

#include "engine/runtime/primitive.hpp"

namespace scanflow::runtime {
namespace {

constexpr std::int64_t kWindowUs = 10'000'000;  // of rates, and how old a value may be
constexpr std::size_t kMostSeries = 100'000;
constexpr std::size_t kMostMetrics = 20;  // of one attempt

/// What sidecars say of every workload; all else is the application's own.
bool is_of_sidecar(std::string_view name) {
  constexpr std::array<std::string_view, 7> kPrefixes{
      "process_", "container_", "network_", "volume_", "gpu_", "memory_used_ratio", "scanflow_"};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [&](std::string_view prefix) { return name.starts_with(prefix); });
}

/// The attempt that a series is about, taken out of its labels.
std::optional<protocol::AttemptId> take_attempt(Labels& labels) {
  const auto run = labels.extract("run"), step = labels.extract("step"),
             attempt = labels.extract("attempt");
  if (run.empty() || step.empty() || attempt.empty()) return std::nullopt;
  protocol::AttemptId id{run.mapped(), step.mapped(), 0};
  const std::string& number = attempt.mapped();
  std::from_chars(number.data(), number.data() + number.size(), id.attempt);
  return id;
}

struct Seen {
  std::map<std::string, double> gauges;  // of its sidecar, the newest of each
  json metrics = json::array();
  double cpu_seconds = 0;  // in the window
  bool cpu = false;
};
using SeenOf = std::map<protocol::AttemptId, Seen>;

void add_newest(const knowledge::Knowledge& recent, std::int64_t now_us, SeenOf& seen) {
  for (knowledge::SeriesInfo& info : recent.series("", {}, kMostSeries)) {
    const auto id = take_attempt(info.labels);
    const auto found = id ? seen.find(*id) : seen.end();
    if (found == seen.end() || !info.newest) continue;
    if (is_of_sidecar(info.name)) {
      if (now_us - info.newest->time_us <= kWindowUs)
        found->second.gauges[info.name] = info.newest->value;
      continue;
    }
    found->second.metrics.push_back({{"name", info.name},
                                     {"labels", info.labels},
                                     {"value", info.newest->value},
                                     {"time_us", info.newest->time_us}});
  }
}

void add_cpu(const knowledge::Knowledge& recent, const char* name, std::int64_t now_us,
             SeenOf& seen) {
  knowledge::RangeQuery query;
  query.name = name;
  query.from_us = now_us - kWindowUs;
  query.to_us = now_us;
  query.step_us = kWindowUs;
  query.most_series = kMostSeries;
  const auto range = recent.range(query);
  if (!range || range->kind != knowledge::Kind::counter) return;
  for (const knowledge::Line& line : range->lines) {
    Labels labels = line.labels;
    const auto id = take_attempt(labels);
    const auto found = id ? seen.find(*id) : seen.end();
    if (found == seen.end()) continue;
    found->second.cpu = true;
    for (const knowledge::Point& point : line.points)
      found->second.cpu_seconds += point.values.increase;
  }
}

json gauge(const Seen& seen, const char* name) {
  const auto found = seen.gauges.find(name);
  return found == seen.gauges.end() || std::isnan(found->second) ? json() : json(found->second);
}

/// The cgroup's where it is this workload's alone, else that of its processes.
json memory_of(const Seen& seen) {
  json shared = gauge(seen, "container_other_processes");
  json cgroup = gauge(seen, "container_memory_working_set_bytes");
  json processes = gauge(seen, "process_resident_memory_bytes");
  if (processes.is_null() || (!cgroup.is_null() && shared == 0.0)) return cgroup;
  return processes;
}

json document_of(const RunningAttempt& attempt, Seen& seen, std::int64_t now_us) {
  const auto newer = [](const json& a, const json& b) { return a["time_us"] > b["time_us"]; };
  std::stable_sort(seen.metrics.begin(), seen.metrics.end(), newer);
  if (seen.metrics.size() > kMostMetrics)
    seen.metrics.erase(seen.metrics.begin() + kMostMetrics, seen.metrics.end());
  const double window =
      static_cast<double>(std::clamp<std::int64_t>(now_us - attempt.started_us, 1, kWindowUs)) /
      1e6;
  const json paused = gauge(seen, "scanflow_paused");
  json progress;
  if (!attempt.progress.id.run.empty())
    progress = {{"fraction", attempt.progress.fraction}, {"message", attempt.progress.message}};
  return {{"run", attempt.id.run},
          {"pipeline", attempt.pipeline},
          {"step", attempt.id.step},
          {"attempt", attempt.id.attempt},
          {"started_us", attempt.started_us},
          {"hedge", attempt.hedge},
          {"stopping", attempt.stopping.empty() ? json() : json(attempt.stopping)},
          {"progress", std::move(progress)},
          {"pod", attempt.pod},
          {"observed", attempt.observed},
          {"memory_bytes", memory_of(seen)},
          {"memory_limit_bytes", attempt.memory_limit > 0
                                     ? json(attempt.memory_limit)
                                     : gauge(seen, "container_memory_limit_bytes")},
          {"cpu_cores", seen.cpu ? json(seen.cpu_seconds / window) : json()},
          {"paused", paused.is_null() ? json() : json(paused != 0.0)},
          {"throttle_share", gauge(seen, "scanflow_throttle_share")},
          {"metrics", std::move(seen.metrics)},
          {"offers", attempt.offers},
          {"last", attempt.last ? command_document(*attempt.last) : json()}};
}

json document_of(const backend::PodStatus& pod) {
  json document = {{"name", pod.name},
                   {"node", pod.node},
                   {"run", nullptr},
                   {"step", nullptr},
                   {"attempt", nullptr},
                   {"uses", pod.uses},
                   {"most_uses", pod.most_uses},
                   {"age_us", pod.age_us},
                   {"most_age_us", pod.most_age_us},
                   {"idle_us", pod.idle_us},
                   {"most_idle_us", pod.most_idle_us}};
  if (!pod.attempt) return document;
  document["run"] = pod.attempt->run;
  document["step"] = pod.attempt->step;
  document["attempt"] = pod.attempt->attempt;
  return document;
}

}  // namespace

json top_document(const std::vector<RunningAttempt>& attempts,
                  const std::vector<backend::PodStatus>& pods, const knowledge::Knowledge* recent,
                  std::int64_t now_us) {
  SeenOf seen;
  for (const RunningAttempt& attempt : attempts) seen[attempt.id];
  if (recent != nullptr && !attempts.empty()) {
    add_newest(*recent, now_us, seen);
    for (const char* name :
         {"process_cpu_user_seconds_total", "process_cpu_system_seconds_total"}) {
      add_cpu(*recent, name, now_us, seen);
    }
  }
  json list = json::array();
  for (const RunningAttempt& attempt : attempts)
    list.push_back(document_of(attempt, seen[attempt.id], now_us));
  json all_pods = json::array();
  for (const backend::PodStatus& pod : pods) all_pods.push_back(document_of(pod));
  return {{"time_us", now_us}, {"attempts", std::move(list)}, {"pods", std::move(all_pods)}};
}

}  // namespace scanflow::runtime
