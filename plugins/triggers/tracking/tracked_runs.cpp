#include "plugins/triggers/tracking/tracked_runs.hpp"

#include <algorithm>
#include <cmath>

#include "plugins/common/names.hpp"

namespace scanflow::triggers {
namespace {

using nlohmann::json;

constexpr std::size_t kMostOfRun = 600;  // bytes that are remembered of one: the state has 64 KiB

bool is_limit(const json& wanted) {
  if (wanted.is_number()) return true;
  if (!wanted.is_object() || wanted.empty()) return false;
  return std::all_of(wanted.items().begin(), wanted.items().end(), [](const auto& each) {
    return (each.key() == "above" || each.key() == "below") && each.value().is_number();
  });
}

bool holds(const json& wanted, const json& value) {
  if (!value.is_number()) return false;
  const double number = value;
  if (wanted.is_number()) return number == wanted.get<double>();
  if (wanted.contains("above") && !(number > wanted.at("above").get<double>())) return false;
  return !wanted.contains("below") || number < wanted.at("below").get<double>();
}

/// What is remembered of it: of one that says very much its metrics and parameters are left out.
json essence_of(const json& run) {
  json kept = {{"id", run.value("id", "")},
               {"experiment", run.value("experiment", "")},
               {"name", run.value("name", "")},
               {"status", run.value("status", "")},
               {"metrics", run.value("metrics", json::object())},
               {"params", run.value("params", json::object())}};
  if (kept.dump().size() > kMostOfRun) kept["params"] = json::object();
  if (kept.dump().size() > kMostOfRun) kept["metrics"] = json::object();
  return kept;
}

double figure_of(const json& run, const std::string& metric, bool is_max) {
  const json value = run.at("metrics").value(metric, json());
  const double last = is_max ? -INFINITY : INFINITY;  // one without it comes last
  return value.is_number() ? value.get<double>() : last;
}

}  // namespace

Description TrackedRunsTrigger::describe() {
  return {.id = "tracked_runs",
          .version = "1.0.0",
          .summary = "Fires when so many runs of experiments have ended"};
}

TrackedRunsTrigger::TrackedRunsTrigger(Config config) : config_(std::move(config)) {
  if (config_.experiments.empty()) throw Invalid("experiments: name at least one, or '*' for all");
  for (const std::string& each : config_.experiments) check_name_pattern("experiments", each);
  if (!config_.metrics.is_object() || !config_.params.is_object())
    throw Invalid("metrics, params: write maps: {accuracy: {above: 0.9}}, {model: cnn1}");
  for (const auto& [name, wanted] : config_.metrics.items())
    if (!is_limit(wanted))
      throw Invalid("metrics." + name + ": a number, or {above: 0.9}, {below: 0.5}, or both");
}

std::vector<json> TrackedRunsTrigger::watches() const {
  return {{{"source", "events"}, {"type", "tracked_run.ended"}}};
}

bool TrackedRunsTrigger::is_meant(const json& run) const {
  const std::string experiment = run.value("experiment", ""), status = run.value("status", "");
  if (!is_named(config_.experiments, experiment)) return false;
  if (std::find(config_.status.begin(), config_.status.end(), status) == config_.status.end())
    return false;
  const json metrics = run.value("metrics", json::object());
  for (const auto& [name, limit] : config_.metrics.items())
    if (!holds(limit, metrics.value(name, json()))) return false;
  // Parameters are texts, whatever they were.
  const json params = run.value("params", json::object());
  for (const auto& [name, value] : config_.params.items()) {
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    if (params.value(name, json()) != text) return false;
  }
  return true;
}

WakeResult TrackedRunsTrigger::wake(const Wake& wake) {
  if (wake.reason != WakeReason::event) return {};
  const json run = wake.event.value("payload", json::object());
  if (!is_meant(run)) return {};
  json waiting = wake.state.empty() ? json::array() : json::parse(wake.state);
  waiting.push_back(essence_of(run));
  if (waiting.size() < static_cast<std::size_t>(config_.count)) return {.state = waiting.dump()};
  if (!config_.order.empty()) {
    const bool is_max = config_.best == "max";
    std::stable_sort(waiting.begin(), waiting.end(), [&](const json& a, const json& b) {
      const double x = figure_of(a, config_.order, is_max), y = figure_of(b, config_.order, is_max);
      return is_max ? x > y : x < y;
    });
  }
  return {.fires = {{{"count", waiting.size()}, {"runs", std::move(waiting)}}}, .state = "[]"};
}

}  // namespace scanflow::triggers
