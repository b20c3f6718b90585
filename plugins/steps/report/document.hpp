// The run document (host.run/1) as typed data: what the page is made from.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace scanflow::report {

using nlohmann::json;

struct Artifact {
  std::string name, path, sha256;
  std::uint64_t bytes = 0;
  bool directory = false;
};

struct Failure {
  std::string cause;  // error, crash, oom, timeout, ...
  std::string message;
  std::vector<std::string> last_lines;  // of the attempt's log, where the engine gives them
};

struct Step {
  std::string name;  // identity: train[model=cnn1]
  std::string base;  // as written: train
  std::string uses;
  std::string phase = "main";
  std::vector<std::size_t> needs;  // indices into RunRecord::steps
  std::string status;
  int attempts = 0;
  std::int64_t started_us = 0, ended_us = 0;  // since 1970 UTC; 0: has not
  double seconds = 0;
  std::string summary;
  json outputs = json::object();
  std::vector<Artifact> artifacts;
  std::optional<Failure> failure;
};

struct Point {
  double x = 0, y = 0;  // training step, value
};

/// One line of a plot.
struct Series {
  std::string metric;
  std::string step;    // identity
  std::string labels;  // "split=train"; empty without
  std::vector<Point> points;
};

struct Model {
  std::string name, version, sha256, step;
};

struct RunRecord {
  std::string id, pipeline, name_space, backend, file;
  std::string self;  // identity of the step that writes the report; may be empty
  std::string
      status;  // what became of the main steps so far: succeeded, failed, cancelled, running
  std::int64_t started_us = 0, now_us = 0;
  json params = json::object();
  std::vector<Step> steps;
  std::vector<Series> series;  // of the last attempt of each step, in the order of the steps
  std::vector<Model> models;

  const Step* find(const std::string& name) const;
};

/// Takes any document: what is missing or of another type keeps its default, so that a report never
/// fails for a field that it does not need. Throws std::invalid_argument where it is not an object.
/// `self`: identity of the step that writes the report; it counts as running, not as unfinished.
RunRecord parse_run(const json& document, const std::string& self);

/// From the start of the run to the moment of the report.
double total_seconds(const RunRecord& run);

}  // namespace scanflow::report
