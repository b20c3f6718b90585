#include "engine/cli/top_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "engine/cli/text.hpp"

namespace scanflow::cli {
namespace {

using nlohmann::json;

struct Sample {
  double value;
  std::int64_t time_us;
};
using Series = std::tuple<std::string, std::string, std::uint32_t, std::string, std::string>;
using Samples = std::map<Series, Sample>;

std::optional<double> number_at(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number() ? std::optional(found->get<double>())
                                                     : std::nullopt;
}

/// run, step, attempt, name, labels
Series series_of(const json& attempt, const json& metric) {
  return {attempt.at("run"), attempt.at("step"), attempt.at("attempt"), metric.at("name"),
          metric.value("labels", json::object()).dump()};
}

Samples samples_of(const json& top) {
  Samples samples;
  if (!top.is_object()) return samples;
  for (const json& attempt : top.at("attempts")) {
    for (const json& metric : attempt.at("metrics")) {
      if (const auto value = number_at(metric, "value"))
        samples[series_of(attempt, metric)] = {*value, metric.at("time_us")};
    }
  }
  return samples;
}

/// They come with the newest first.
std::vector<TopMetric> metrics_of(const json& attempt, const Samples& before) {
  std::vector<TopMetric> metrics;
  std::set<std::string> names;
  for (const json& metric : attempt.at("metrics")) {
    const auto value = number_at(metric, "value");
    const std::string name = metric.at("name");
    if (!value || !names.insert(name).second) continue;
    TopMetric& shown = metrics.emplace_back(TopMetric{printable(name), *value, std::nullopt});
    const auto earlier = before.find(series_of(attempt, metric));
    if (earlier == before.end()) continue;
    const std::int64_t us = metric.at("time_us").get<std::int64_t>() - earlier->second.time_us;
    const double growth = *value - earlier->second.value;
    if (us > 0 && growth > 0) shown.rate = growth * 1e6 / static_cast<double>(us);
  }
  return metrics;
}

void set_state(const json& attempt, TopRow& row) {
  const double share = number_at(attempt, "throttle_share").value_or(1);
  row.held = true;
  if (attempt.value("stopping", json()).is_string()) {
    row.state = attempt.at("stopping").get<std::string>();  // and about to end
  } else if (attempt.at("paused") == json(true)) {
    row.state = "paused";
  } else if (share < 1) {
    row.state = fmt::format("throttled {:.0f} %", share * 100);
  } else {
    row.state = attempt.value("hedge", false) ? "second" : "running";
    row.held = false;
  }
}

TopRow top_row(const json& attempt, std::int64_t now_us, const Samples& before) {
  TopRow row;
  row.run = attempt.at("run");
  row.pipeline = printable(attempt.value("pipeline", ""));
  row.step = attempt.at("step");
  row.attempt = attempt.at("attempt");
  row.lasted_us = std::max<std::int64_t>(0, now_us - attempt.at("started_us").get<std::int64_t>());
  set_state(attempt, row);
  if (const json& progress = attempt.at("progress"); progress.is_object()) {
    row.progress = number_at(progress, "fraction");
    if (row.progress && *row.progress < 0) row.progress.reset();  // it does not say
    row.message = printable(progress.value("message", ""));
  }
  row.cpu = number_at(attempt, "cpu_cores");
  row.memory = number_at(attempt, "memory_bytes");
  row.limit = number_at(attempt, "memory_limit_bytes");
  row.metrics = metrics_of(attempt, before);
  row.pod = attempt.value("pod", json());
  row.observed = attempt.value("observed", false);
  for (const json& name : attempt.value("offers", json::array()))
    row.offers += (row.offers.empty() ? "" : ", ") + printable(name.get<std::string>());
  row.last = attempt.at("last");
  return row;
}

double key_of(const TopRow& row, TopSort sort) {
  constexpr double kUnknown = -1;
  switch (sort) {
    case TopSort::cpu:
      return row.cpu.value_or(kUnknown);
    case TopSort::memory:
      return row.memory.value_or(kUnknown);
    case TopSort::time:
      return static_cast<double>(row.lasted_us);
    case TopSort::name:
      return 0;
  }
  return 0;
}

std::string amount(double value) {
  return value >= 1000 && value < 1e15 ? fmt::format("{:.0f}", value)
                                       : fmt::format("{:.3g}", value);
}

}  // namespace

std::optional<double> TopRow::used() const {
  if (!memory || !limit || *limit <= 0) return std::nullopt;
  return *memory / *limit;
}

std::vector<TopRow> top_rows(const json& top, const json& before, TopSort sort) {
  const Samples earlier = samples_of(before);
  std::vector<TopRow> rows;
  if (!top.is_object()) return rows;
  for (const json& attempt : top.at("attempts"))
    rows.push_back(top_row(attempt, top.at("time_us"), earlier));
  std::sort(rows.begin(), rows.end(), [&](const TopRow& a, const TopRow& b) {
    const double of_a = key_of(a, sort), of_b = key_of(b, sort);
    if (of_a != of_b) return of_a > of_b;
    return std::tie(a.step, a.run) < std::tie(b.step, b.run);
  });
  return rows;
}

std::string metrics_text(const TopRow& row) {
  std::string text;
  for (const TopMetric& metric : row.metrics) {
    if (!text.empty()) text += "  ";
    text += fmt::format("{} {}", metric.name, amount(metric.value));
    if (metric.rate) text += fmt::format(" (+{}/s)", amount(*metric.rate));
  }
  return text;
}

}  // namespace scanflow::cli
