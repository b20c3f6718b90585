#include "plugins/steps/report/document.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>
#include <tuple>

namespace scanflow::report {
namespace {

std::string text(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return {};
  return found->is_string() ? found->get<std::string>() : found->dump();
}

template <class T>
T number(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<T>() : T{};
}

const json& member(const json& object, const char* key, const json& otherwise) {
  const auto found = object.find(key);
  return found != object.end() && found->type() == otherwise.type() ? *found : otherwise;
}

const json kObject = json::object();
const json kArray = json::array();

std::vector<std::string> lines_of(const json& error) {
  std::vector<std::string> lines;
  const auto found = error.find("last_lines");
  if (found == error.end()) return lines;
  if (found->is_string()) lines.push_back(found->get<std::string>());
  if (found->is_array()) {
    for (const json& line : *found) {
      if (line.is_string()) lines.push_back(line.get<std::string>());
    }
  }
  return lines;
}

Step parse_step(const json& source) {
  Step step;
  step.name = text(source, "name");
  step.base = text(source, "step").empty() ? step.name : text(source, "step");
  step.uses = text(source, "uses");
  if (const std::string phase = text(source, "phase"); !phase.empty()) step.phase = phase;
  step.status = text(source, "status");
  step.attempts = number<int>(source, "attempts");
  step.started_us = number<std::int64_t>(source, "started_us");
  step.ended_us = number<std::int64_t>(source, "ended_us");
  step.seconds = number<double>(source, "seconds");
  step.summary = text(source, "summary");
  step.outputs = member(source, "outputs", kObject);
  for (const auto& [name, artifact] : member(source, "artifacts", kObject).items()) {
    if (!artifact.is_object()) continue;
    const bool directory = artifact.contains("directory") && artifact["directory"] == true;
    step.artifacts.push_back({name, text(artifact, "path"), text(artifact, "sha256"),
                              number<std::uint64_t>(artifact, "bytes"), directory});
  }
  if (const json& error = member(source, "error", kObject); !error.empty()) {
    step.failure = Failure{text(error, "cause"), text(error, "message"), lines_of(error)};
  }
  return step;
}

std::string labels_of(const json& labels) {
  std::string out;
  for (const auto& [name, value] : labels.items()) {
    if (!out.empty()) out += ", ";
    out += name + "=" + (value.is_string() ? value.get<std::string>() : value.dump());
  }
  return out;
}

void add_points(const json& metric, std::vector<Point>& points) {
  for (const json& point : member(metric, "points", kArray)) {
    if (!point.is_array() || point.size() < 2) continue;
    if (!point[0].is_number() || !point[1].is_number()) continue;  // JSON has no NaN: null
    const Point p{point[0].get<double>(), point[1].get<double>()};
    if (std::isfinite(p.x) && std::isfinite(p.y)) points.push_back(p);
  }
}

/// The engine may give a series in several pieces: each line of the result has all its points.
std::vector<Series> parse_series(const json& metrics) {
  std::map<std::string, int> last_attempt;
  for (const json& metric : metrics) {
    if (!metric.is_object()) continue;
    int& last = last_attempt[text(metric, "step")];
    last = std::max(last, number<int>(metric, "attempt"));
  }
  std::vector<Series> all;
  std::map<std::tuple<std::string, std::string, std::string>, std::size_t> lines;
  for (const json& metric : metrics) {
    if (!metric.is_object()) continue;
    const std::string step = text(metric, "step");
    if (number<int>(metric, "attempt") != last_attempt[step]) continue;
    Series series{text(metric, "name"), step, labels_of(member(metric, "labels", kObject)), {}};
    const auto [line, is_new] =
        lines.try_emplace({series.metric, series.step, series.labels}, all.size());
    if (is_new) all.push_back(std::move(series));
    add_points(metric, all[line->second].points);
  }
  std::erase_if(all, [](const Series& series) { return series.points.empty(); });
  for (Series& series : all) {
    std::stable_sort(series.points.begin(), series.points.end(),
                     [](const Point& a, const Point& b) { return a.x < b.x; });
  }
  return all;
}

/// What the main steps came to: a report runs when they are done, the run itself is not yet.
std::string outcome(const RunRecord& run) {
  bool cancelled = false, unfinished = false;
  for (const Step& step : run.steps) {
    if (step.phase != "main") continue;
    if (step.status == "failed") return "failed";
    cancelled |= step.status == "cancelled";
    unfinished |= step.status == "pending" || step.status == "ready" || step.status == "waiting" ||
                  step.status == "running";
  }
  return cancelled ? "cancelled" : unfinished ? "running" : "succeeded";
}

}  // namespace

const Step* RunRecord::find(const std::string& name) const {
  const auto found =
      std::find_if(steps.begin(), steps.end(), [&](const Step& step) { return step.name == name; });
  return found == steps.end() ? nullptr : &*found;
}

RunRecord parse_run(const json& document, const std::string& self) {
  if (!document.is_object()) {
    throw std::invalid_argument(
        "the run document is not a JSON object: the host is not one that "
        "this report knows");
  }
  RunRecord run;
  run.id = text(document, "run");
  run.self = self;
  run.pipeline = text(document, "pipeline");
  run.name_space = text(document, "namespace");
  run.backend = text(document, "backend");
  run.file = text(document, "file");
  run.started_us = number<std::int64_t>(document, "started_us");
  run.now_us = number<std::int64_t>(document, "now_us");
  run.params = member(document, "params", kObject);
  const json& steps = member(document, "steps", kArray);
  std::map<std::string, std::size_t> index;
  for (const json& source : steps) {
    if (!source.is_object()) continue;
    run.steps.push_back(parse_step(source));
    index[run.steps.back().name] = run.steps.size() - 1;
  }
  for (const json& source : steps) {
    if (!source.is_object()) continue;
    const std::size_t step = index[text(source, "name")];
    for (const json& need : member(source, "needs", kArray)) {
      const auto found = need.is_string() ? index.find(need.get<std::string>()) : index.end();
      if (found != index.end() && found->second != step) {
        run.steps[step].needs.push_back(found->second);
      }
    }
  }
  run.status = outcome(run);
  // A pipeline whose only running main step is the report itself is done but for the report.
  if (const Step* me = run.find(self); me != nullptr && run.status == "running") {
    RunRecord others = run;
    std::erase_if(others.steps, [&](const Step& step) { return step.name == self; });
    run.status = outcome(others);
  }
  if (text(document, "status") == "cancelled") run.status = "cancelled";
  run.series = parse_series(member(document, "metrics", kArray));
  const auto place = [&](const Series& series) {
    const auto found = index.find(series.step);
    return found == index.end() ? run.steps.size() : found->second;
  };
  std::stable_sort(run.series.begin(), run.series.end(),
                   [&](const Series& a, const Series& b) { return place(a) < place(b); });
  for (const json& model : member(document, "models", kArray)) {
    if (!model.is_object()) continue;
    run.models.push_back(
        {text(model, "name"), text(model, "version"), text(model, "sha256"), text(model, "step")});
  }
  return run;
}

double total_seconds(const RunRecord& run) {
  return run.now_us > run.started_us ? static_cast<double>(run.now_us - run.started_us) / 1e6 : 0;
}

}  // namespace scanflow::report
