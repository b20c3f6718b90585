#include "engine/track/run_rows.hpp"

#include <fmt/format.h>

#include "engine/track/logged_models.hpp"

namespace scanflow::track {

const char* const kRunColumns =
    "t.key, t.experiment, t.id, t.name, t.user, t.status, t.deleted, t.started_ms, "
    "coalesce(t.ended_ms, -1), t.artifact_uri";

RunRow read_run(const store::Statement& columns) {
  RunRow run;
  std::int64_t ended_ms = -1;
  columns.read(run.key, run.experiment, run.id, run.name, run.user, run.status, run.deleted,
               run.started_ms, ended_ms, run.artifact_uri);
  if (ended_ms >= 0) run.ended_ms = ended_ms;
  return run;
}

RunRow run_of(const Session& session, const Fields& request) {
  const std::string id = request.required("run_id", "run_uuid", kMostKey);
  std::optional<RunRow> found;
  session.db.each(
      fmt::format("SELECT {} FROM tracked_runs AS t WHERE id = ?", kRunColumns).c_str(),
      [&](const store::Statement& row) { found = read_run(row); }, id);
  if (!found) refuse(Code::does_not_exist, fmt::format("there is no run with id '{}'", id));
  return std::move(*found);
}

RunRow active_run_of(const Session& session, const Fields& request) {
  RunRow run = run_of(session, request);
  if (run.deleted != 0)
    refuse(Code::invalid, fmt::format("run {} is deleted: restore it first", run.id));
  return run;
}

json info_of(const RunRow& run) {
  json info = {{"run_id", run.id},
               {"run_uuid", run.id},
               {"run_name", run.name},
               {"experiment_id", std::to_string(run.experiment)},
               {"user_id", run.user},
               {"status", run.status},
               {"start_time", run.started_ms},
               {"artifact_uri", run.artifact_uri},
               {"lifecycle_stage", run.deleted != 0 ? "deleted" : "active"}};
  if (run.ended_ms) info["end_time"] = *run.ended_ms;
  return info;
}

RunReader::RunReader(const Db& db)
    : db_(db),
      metrics_(db.prepare(
          "SELECT name, value, time_us / 1000, step FROM series WHERE owner = ? ORDER BY name")),
      params_(db.prepare("SELECT key, value FROM tracked_params WHERE owner = ? ORDER BY key")),
      tags_(db.prepare("SELECT key, value FROM tracked_tags WHERE owner = ? ORDER BY key")),
      inputs_(db.prepare(
          "SELECT i.key, d.name, d.digest, d.source_type, d.source, d.schema, d.profile FROM "
          "inputs AS i JOIN datasets AS d ON d.key = i.dataset WHERE i.owner = ? ORDER BY i.key")) {
}

json RunReader::whole(const RunRow& run) {
  json metrics = json::array();
  metrics_.bind(run.key);
  while (db_.next(metrics_)) {
    metrics.push_back({{"key", metrics_.column<std::string>(0)},
                       {"value", number_of(metrics_.column<double>(1))},
                       {"timestamp", metrics_.column<std::int64_t>(2)},
                       {"step", metrics_.column<std::int64_t>(3)}});
  }
  json inputs = json::array();
  inputs_.bind(run.key);
  while (db_.next(inputs_)) {
    json dataset = {{"name", inputs_.column<std::string>(1)},
                    {"digest", inputs_.column<std::string>(2)},
                    {"source_type", inputs_.column<std::string>(3)},
                    {"source", inputs_.column<std::string>(4)}};
    if (auto schema = inputs_.column<std::string>(5); !schema.empty())
      dataset["schema"] = std::move(schema);
    if (auto profile = inputs_.column<std::string>(6); !profile.empty())
      dataset["profile"] = std::move(profile);
    inputs.push_back({{"tags", pairs_of(db_, "input_tags", inputs_.column<std::int64_t>(0))},
                      {"dataset", std::move(dataset)}});
  }
  return {
      {"info", info_of(run)},
      {"data",
       {{"metrics", std::move(metrics)},
        {"params", pairs_of(db_, params_, run.key)},
        {"tags", pairs_of(db_, tags_, run.key)}}},
      {"inputs",
       {{"dataset_inputs", std::move(inputs)}, {"model_inputs", run_models(db_, run.key, false)}}},
      {"outputs", {{"model_outputs", run_models(db_, run.key, true)}}}};
}

}  // namespace scanflow::track
