#include "engine/track/logging.hpp"

#include <fmt/format.h>

#include "engine/store/metric_points.hpp"
#include "engine/track/logged_models.hpp"
#include "sdk/base/text.hpp"

namespace scanflow::track {
namespace {

/// As MLflow limits a batch.
constexpr std::size_t kMostMetrics = 1000, kMostParams = 100, kMostTags = 100, kMostOfBatch = 1000;
constexpr std::size_t kMostInputs = 1000;
constexpr std::size_t kMostNesting =
    100;  // whoever copies or writes a document does so on its stack
constexpr std::int64_t kMostTimeMs = 9'000'000'000'000'000;  // in microseconds it is a number, too

store::MetricPoint point_of(const Session& session, const Fields& request) {
  return {request.within("timestamp", -kMostTimeMs, kMostTimeMs, session.now_ms) * 1000,
          request.number("step").value_or(0), request.real("value")};
}

void put_point(const Session& session, store::MetricPoints& points, const RunRow& run,
               const Fields& request) {
  const std::string name = request.required("key", kMostKey);
  const store::MetricPoint point = point_of(session, request);
  const auto& connection = session.db.connection();
  const std::int64_t series =
      session.db.whole(points.series(connection, run.key, {name, name, ""}, point));
  session.db.whole(points.add(connection, series, point));
  if (!request.text("model_id").empty()) put_model_metric(session, run, request);
}

/// A parameter is said once; the same again is no harm.
void put_parameter(const Session& session, const RunRow& run, const std::string& name,
                   const std::string& value) {
  const auto there = session.db.one<std::string>(
      "SELECT value FROM tracked_params WHERE owner = ? AND key = ?", run.key, name);
  if (there && *there != value) {
    refuse(Code::invalid,
           fmt::format("parameter '{}' of run {} is '{}' already, and does not change to '{}': "
                       "log what changes as a metric or a tag",
                       name, run.id, there->substr(0, 100), value.substr(0, 100)));
  }
  if (!there)
    session.db.change("INSERT INTO tracked_params VALUES (?, ?, ?)", run.key, name, value);
}

std::int64_t dataset_of(const Session& session, const RunRow& run, const Fields& dataset) {
  const std::string name = dataset.required("name", kMostName);
  const std::string digest = dataset.required("digest", kMostKey);
  session.db.change(
      "INSERT OR IGNORE INTO datasets (experiment, name, digest, source_type, source, schema, "
      "profile) VALUES (?, ?, ?, ?, ?, ?, ?)",
      run.experiment, name, digest, dataset.limited("source_type", kMostName),
      dataset.limited("source", kMostText), dataset.limited("schema", kMostText),
      dataset.limited("profile", kMostText));
  return *session.db.one<std::int64_t>(
      "SELECT key FROM datasets WHERE experiment = ? AND name = ? AND digest = ?", run.experiment,
      name, digest);
}

}  // namespace

void put_tag(const Session& session, const RunRow& run, const std::string& name,
             const std::string& value) {
  put_pair(session.db, "tracked_tags", run.key, name, value);
  if (name == kRunNameTag)
    session.db.change("UPDATE tracked_runs SET name = ? WHERE key = ?", value, run.key);
}

json log_metric(const Session& session, const Fields& request) {
  auto points = session.db.whole(store::MetricPoints::prepare(session.db.connection()));
  put_point(session, points, active_run_of(session, request), request);
  return json::object();
}

json log_parameter(const Session& session, const Fields& request) {
  put_parameter(session, active_run_of(session, request), request.required("key", kMostKey),
                request.limited("value", kMostParameter));
  return json::object();
}

json log_batch(const Session& session, const Fields& request) {
  const RunRow run = active_run_of(session, request);
  const auto metrics = request.objects("metrics", kMostMetrics);
  const auto params = request.pairs("params", kMostParams, kMostParameter);
  const auto tags = request.pairs("tags", kMostTags, kMostTag);
  if (const std::size_t all = metrics.size() + params.size() + tags.size(); all > kMostOfBatch) {
    refuse(Code::invalid, fmt::format("a batch has at most {} metrics, parameters and tags "
                                      "together, and this one has {}: send several",
                                      kMostOfBatch, all));
  }
  for (const auto& [name, value] : params) put_parameter(session, run, name, value);
  auto points = session.db.whole(store::MetricPoints::prepare(session.db.connection()));
  for (const Fields& each : metrics) put_point(session, points, run, each);
  for (const auto& [name, value] : tags) put_tag(session, run, name, value);
  return json::object();
}

json set_tag(const Session& session, const Fields& request) {
  const RunRow run = active_run_of(session, request);
  put_tag(session, run, request.required("key", kMostKey), request.limited("value", kMostTag));
  return json::object();
}

json delete_tag(const Session& session, const Fields& request) {
  const RunRow run = active_run_of(session, request);
  const std::string name = request.required("key", kMostKey);
  if (!remove_pair(session.db, "tracked_tags", run.key, name))
    refuse(Code::does_not_exist, fmt::format("run {} has no tag '{}'", run.id, name));
  return json::object();
}

json log_inputs(const Session& session, const Fields& request) {
  const RunRow run = active_run_of(session, request);
  for (const Fields& each : request.objects("datasets", kMostInputs)) {
    const std::int64_t dataset = dataset_of(session, run, each.object("dataset"));
    session.db.change("INSERT OR IGNORE INTO inputs (owner, dataset) VALUES (?, ?)", run.key,
                      dataset);
    const std::int64_t input = *session.db.one<std::int64_t>(
        "SELECT key FROM inputs WHERE owner = ? AND dataset = ?", run.key, dataset);
    for (const auto& [name, value] : each.pairs("tags", kMostTags, kMostTag))
      put_pair(session.db, "input_tags", input, name, value);
  }
  put_run_models(session, run, request, false);
  return json::object();
}

/// 2.x clients keep what they know of a model in a tag of its run.
json log_model(const Session& session, const Fields& request) {
  constexpr const char* kHistory = "mlflow.log-model.history";
  const RunRow run = active_run_of(session, request);
  const std::string text = request.required("model_json", kMostText);
  if (nesting_of(text) > kMostNesting) request.wrong("model_json", "is nested too deep");
  const json model = json::parse(text, nullptr, false);
  if (!model.is_object()) request.wrong("model_json", "is no JSON object");
  for (const char* name : {"artifact_path", "run_id"}) {
    if (!model.contains(name))
      request.wrong("model_json", fmt::format("has no '{}', which it must have", name));
  }
  const auto there = session.db.one<std::string>(
      "SELECT value FROM tracked_tags WHERE owner = ? AND key = ?", run.key, kHistory);
  if (there && there->size() + text.size() > kMostText)
    refuse(Code::invalid, fmt::format("run {} knows of too many models already", run.id));
  const bool readable = there && nesting_of(*there) <= kMostNesting;
  json history = readable ? json::parse(*there, nullptr, false) : json::array();
  if (!history.is_array()) history = json::array();
  history.push_back(model);
  put_tag(session, run, kHistory, history.dump(-1, ' ', false, json::error_handler_t::replace));
  return json::object();
}

}  // namespace scanflow::track
