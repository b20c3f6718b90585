#include "engine/store/tracked.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "engine/store/execute.hpp"
#include "engine/store/happenings.hpp"

namespace scanflow::store {
namespace {

using nlohmann::json;

constexpr std::size_t kMostSeries = 10'000;    // that are remembered
constexpr std::size_t kMostParameter = 6'000;  // bytes, as MLflow's clients expect them

/// "loss", or "loss/rank:1" of one with labels: MLflow's metrics have none.
std::string shown_name(const MetricRow& row) {
  std::string name = row.name;
  if (row.labels.empty()) return name;
  const json labels = json::parse(row.labels, nullptr, false);
  if (!labels.is_object()) return name;
  for (const auto& [label, value] : labels.items())
    name +=
        fmt::format("/{}:{}", label, value.is_string() ? value.get<std::string>() : value.dump());
  return name;
}

MetricPoint point_of(const MetricRow& row) {
  return {row.time_us, row.at_step, row.value, row.number};
}

/// As MLflow calls it; "": it goes on.
std::string tracked_status(const std::string& status) {
  if (status == "succeeded") return "FINISHED";
  if (status == "cancelled" || status == "skipped") return "KILLED";
  return status == "failed" ? "FAILED" : "";
}

/// `text`: a JSON object. Values that are no texts are written as JSON.
Result<void> add_parameters(const Connection& connection, std::int64_t owner,
                            const std::string& text) {
  const json parameters = json::parse(text, nullptr, false);
  if (!parameters.is_object()) return {};
  for (const auto& [name, value] : parameters.items()) {
    std::string shown = value.is_string()
                            ? value.get<std::string>()
                            : value.dump(-1, ' ', false, json::error_handler_t::replace);
    if (shown.size() > kMostParameter) {
      std::size_t end = kMostParameter;
      while (end > 0 && (static_cast<unsigned char>(shown[end]) & 0xc0) == 0x80) --end;
      shown.resize(end);  // no character is cut in two
    }
    const auto added = change(
        connection, "INSERT OR IGNORE INTO tracked_params VALUES (?1, ?2, ?3)", owner, name, shown);
    if (!added) return tl::unexpected(added.error());
  }
  return {};
}

/// NAMESPACE/PIPELINE of a run; made where there is none. 0: there is no such run.
Result<std::int64_t> experiment_of(const Connection& connection, std::int64_t run) {
  const auto made = change(
      connection,
      "INSERT OR IGNORE INTO experiments (name, artifact_location, created_ms, updated_ms) SELECT "
      "namespace || '/' || pipeline, '', created_us / 1000, created_us / 1000 FROM runs WHERE key "
      "= ?1",
      run);
  if (!made) return tl::unexpected(made.error());
  if (*made > 0) {
    const auto located = change(connection,
                                "UPDATE experiments SET artifact_location = 'mlflow-artifacts:/' "
                                "|| key WHERE key = ?1",
                                sqlite3_last_insert_rowid(connection.handle()));
    if (!located) return tl::unexpected(located.error());
  }
  const auto keys = collect_column<std::int64_t>(connection,
                                                 "SELECT e.key FROM experiments AS e JOIN runs AS "
                                                 "r ON e.name = r.namespace || '/' || r.pipeline "
                                                 "WHERE r.key = ?1",
                                                 run);
  if (!keys) return tl::unexpected(keys.error());
  return keys->empty() ? 0 : keys->front();
}

/// That of another tracked run, whatever its name is by now.
Result<std::int64_t> experiment_with(const Connection& connection, std::int64_t tracked) {
  const auto keys = collect_column<std::int64_t>(
      connection, "SELECT experiment FROM tracked_runs WHERE key = ?1", tracked);
  if (!keys) return tl::unexpected(keys.error());
  return keys->empty() ? 0 : keys->front();
}

}  // namespace

Result<std::unique_ptr<Tracked>> Tracked::prepare(const Connection& connection) {
  auto tracked = std::make_unique<Tracked>();
  const std::pair<Statement*, const char*> statements[] = {
      {&tracked->find_,
       "SELECT key FROM tracked_runs WHERE run = ?1 AND run != 0 AND step = ?2 AND attempt = ?3"},
      {&tracked->tracked_, "SELECT 1 FROM tracked_runs WHERE run = ?1 AND run != 0 LIMIT 1"},
  };
  for (const auto& [statement, sql] : statements) {
    auto prepared = Statement::prepare(connection, sql);
    if (!prepared) return tl::unexpected(prepared.error());
    *statement = std::move(*prepared);
  }
  auto points = MetricPoints::prepare(connection);
  if (!points) return tl::unexpected(points.error());
  tracked->points_ = std::move(*points);
  return tracked;
}

Result<std::int64_t> Tracked::find_or_make(const Connection& connection, std::int64_t run,
                                           const std::string& step, std::uint32_t attempt) {
  std::int64_t key = 0;
  find_.bind(run, step, attempt);
  while (find_.next()) key = find_.column<std::int64_t>(0);
  if (!find_.ok()) return tl::unexpected(connection.error("cannot find a tracked run in"));
  return key != 0 ? Result<std::int64_t>(key) : make(connection, run, step, attempt);
}

Result<std::int64_t> Tracked::make(const Connection& connection, std::int64_t run,
                                   const std::string& step, std::uint32_t attempt) {
  std::int64_t parent = 0;
  if (!step.empty()) {
    auto found = find_or_make(connection, run, "", 0);
    if (!found || *found == 0) return found;
    parent = *found;
  }
  auto experiment =
      step.empty() ? experiment_of(connection, run) : experiment_with(connection, parent);
  if (!experiment || *experiment == 0) return experiment;
  // Its run's own id, so that it is found by it, unless some client has given it to another; one of an attempt has one
  // by chance.
  const auto made = change(
      connection,
      "INSERT INTO tracked_runs (id, experiment, name, user, status, deleted, started_ms, "
      "artifact_uri, run, step, attempt) "
      "SELECT i.id, ?2, CASE ?3 WHEN '' THEN r.pipeline ELSE ?3 END || CASE WHEN ?4 > 1 "
      "THEN ' (attempt ' || ?4 || ')' ELSE '' END, "
      "'', 'RUNNING', CASE e.deleted WHEN 0 THEN 0 ELSE 2 END, r.created_us / 1000, "
      "e.artifact_location || '/' || i.id || '/artifacts', ?1, ?3, ?4 "
      "FROM runs AS r, experiments AS e, (SELECT coalesce((SELECT replace(o.id, '-', '') FROM "
      "runs AS o WHERE o.key = ?1 AND ?3 = '' AND NOT EXISTS (SELECT 1 FROM tracked_runs "
      "AS t WHERE t.id = replace(o.id, '-', ''))), lower(hex(randomblob(16)))) AS id) AS i "
      "WHERE r.key = ?1 AND e.key = ?2",
      run, *experiment, step, attempt);
  if (!made) return tl::unexpected(made.error());
  const std::int64_t key = sqlite3_last_insert_rowid(connection.handle());
  const auto tagged = change(
      connection,
      "INSERT INTO tracked_tags SELECT t.key, 'mlflow.runName', t.name FROM tracked_runs AS t "
      "WHERE t.key = ?1 "
      "UNION ALL SELECT t.key, 'scanflow.run', r.id FROM tracked_runs AS t JOIN runs AS r ON r.key "
      "= t.run WHERE t.key = ?1 "
      "UNION ALL SELECT t.key, 'mlflow.source.name', r.namespace || '/' || r.pipeline || CASE "
      "r.version WHEN 0 THEN '' ELSE '@' || r.version END "
      "FROM tracked_runs AS t JOIN runs AS r ON r.key = t.run WHERE t.key = ?1 "
      "UNION ALL SELECT t.key, 'scanflow.step', t.step FROM tracked_runs AS t WHERE t.key = ?1 AND "
      "t.step != '' "
      "UNION ALL SELECT ?1, 'mlflow.parentRunId', p.id FROM tracked_runs AS p WHERE p.key = ?2",
      key, parent);
  if (!tagged) return tl::unexpected(tagged.error());
  runs_[run] = true;
  return key;
}

/// Whoever waits for runs of its experiment.
Result<void> Tracked::tell_ended(const Connection& connection, std::int64_t run,
                                 const std::string& step, std::uint32_t attempt,
                                 std::int64_t time_us) {
  std::int64_t key = 0;
  find_.bind(run, step, attempt);
  while (find_.next()) key = find_.column<std::int64_t>(0);
  if (!find_.ok()) return tl::unexpected(connection.error("cannot find a tracked run in"));
  return key == 0 ? Result<void>() : tell_tracked_run(connection, key, time_us);
}

Result<void> Tracked::begin(const Connection& connection, std::int64_t run, const TrackedRow& row) {
  const auto key = find_or_make(connection, run, row.step, row.attempt);
  if (!key) return tl::unexpected(key.error());
  if (*key == 0) return {};
  const auto started = change(connection, "UPDATE tracked_runs SET started_ms = ?2 WHERE key = ?1",
                              *key, row.started_us / 1000);
  if (!started) return tl::unexpected(started.error());
  if (auto added = add_parameters(connection, *key, row.parameters); !added) return added;
  const auto parent = find_or_make(connection, run, "", 0);
  if (!parent) return tl::unexpected(parent.error());
  return add_parameters(connection, *parent, row.run_parameters);
}

Result<std::int64_t> Tracked::series_of(const Connection& connection, std::int64_t run,
                                        const MetricRow& row) {
  const std::string place =
      fmt::format("{}\n{}\n{}\n{}\n{}", run, row.step, row.attempt, row.name, row.labels);
  if (const auto known = series_.find(place); known != series_.end()) return known->second;
  auto owner = find_or_make(connection, run, row.step, row.attempt);
  if (!owner || *owner == 0) return owner;
  auto series =
      points_.series(connection, *owner, {shown_name(row), row.name, row.labels}, point_of(row));
  if (!series) return series;
  if (series_.size() >= kMostSeries) series_.clear();
  series_.emplace(place, *series);
  return series;
}

Result<void> Tracked::write(const Connection& connection, std::int64_t run, const MetricRow& row) {
  const auto series = series_of(connection, run, row);
  if (!series) return tl::unexpected(series.error());
  if (*series == 0) return {};
  return points_.add(connection, *series, point_of(row));
}

Result<bool> Tracked::is_tracked(const Connection& connection, std::int64_t run) {
  if (const auto known = runs_.find(run); known != runs_.end()) return known->second;
  bool is = false;
  tracked_.bind(run);
  while (tracked_.next()) is = true;
  if (!tracked_.ok()) return tl::unexpected(connection.error("cannot find a tracked run in"));
  runs_.emplace(run, is);
  return is;
}

Result<void> Tracked::update(const Connection& connection, std::int64_t run, const StepRow& row) {
  const std::string status = row.ended_us > 0 ? tracked_status(row.status) : "";
  if (status.empty() && row.attempts < 2) return {};
  const auto is = is_tracked(connection, run);
  if (!is) return tl::unexpected(is.error());
  if (!*is) return {};
  if (row.attempts > 1) {  // when those before ended, nobody says here: they logged until then
    const auto before = change(
        connection,
        "UPDATE tracked_runs SET status = 'FAILED', ended_ms = (SELECT max(time_us) / 1000 FROM "
        "series WHERE owner = tracked_runs.key) WHERE run = ?1 AND run != 0 AND step = ?2 AND "
        "attempt < ?3 AND status = 'RUNNING'",
        run, row.id, row.attempt);
    if (!before) return tl::unexpected(before.error());
  }
  if (status.empty()) return {};
  if (row.attempts > row.attempt) {  // one that began beside it, and was not first
    const auto left = change(
        connection,
        "UPDATE tracked_runs SET status = 'KILLED', ended_ms = ?4 WHERE run = ?1 AND run != 0 AND "
        "step = ?2 AND attempt > ?3 AND status = 'RUNNING'",
        run, row.id, row.attempt, row.ended_us / 1000);
    if (!left) return tl::unexpected(left.error());
  }
  const auto ended =
      change(connection,
             "UPDATE tracked_runs SET status = ?3, ended_ms = ?4 WHERE run = ?1 AND run != 0 AND "
             "step = ?2 AND attempt = ?5",
             run, row.id, status, row.ended_us / 1000, row.attempt);
  if (!ended) return tl::unexpected(ended.error());
  return tell_ended(connection, run, row.id, row.attempt, row.ended_us);
}

/// What still seems to go on by then has logged its last words after its end.
Result<void> Tracked::update(const Connection& connection, std::int64_t run, const RunRow& row) {
  const std::string status = row.ended_us > 0 ? tracked_status(row.status) : "";
  if (status.empty()) return {};
  const auto is = is_tracked(connection, run);
  if (!is) return tl::unexpected(is.error());
  runs_.erase(run);
  if (!*is) return {};
  const auto updated =
      change(connection,
             "UPDATE tracked_runs SET status = ?2, ended_ms = ?3 WHERE run = ?1 AND run != 0 AND "
             "(step = '' OR status = 'RUNNING')",
             run, status, row.ended_us / 1000);
  if (!updated) return tl::unexpected(updated.error());
  return tell_ended(connection, run, "", 0, row.ended_us);
}

Result<bool> purge_tracked(const Connection& connection, std::int64_t run, std::int64_t most) {
  constexpr const char* kSeries =
      "SELECT s.key FROM series AS s JOIN tracked_runs AS t ON t.key = s.owner WHERE t.run = ?1 "
      "AND t.run != 0";
  const std::string points = fmt::format(
      "DELETE FROM points WHERE (series, time_us, step, value, not_a_number, number) IN (SELECT "
      "series, "
      "time_us, step, value, not_a_number, number FROM points WHERE series IN ({}) LIMIT ?2)",
      kSeries);
  const auto deleted = change(connection, points.c_str(), run, most);
  if (!deleted) return tl::unexpected(deleted.error());
  if (*deleted > 0) return true;
  // What clients have uploaded to them, but for what a registered model is.
  const auto files = change(
      connection,
      "DELETE FROM tracked_artifacts WHERE path IN (SELECT a.path FROM tracked_runs AS t CROSS "
      "JOIN "
      "tracked_artifacts AS a ON a.path > substr(t.artifact_uri, 19) || '/' AND a.path < "
      "substr(t.artifact_uri, 19) || '0' WHERE t.run = ?1 AND t.run != 0 AND "
      "substr(t.artifact_uri, 1, 18) = 'mlflow-artifacts:/' AND NOT EXISTS (SELECT 1 FROM "
      "model_versions AS v WHERE substr(v.source, 1, length(t.artifact_uri)) = t.artifact_uri) "
      "LIMIT ?2)",
      run, most);
  if (!files) return tl::unexpected(files.error());
  if (*files > 0) return true;
  constexpr const char* kOwners = "(SELECT key FROM tracked_runs WHERE run = ?1 AND run != 0)";
  for (const std::string& sql :
       {fmt::format("DELETE FROM series WHERE owner IN {}", kOwners),
        fmt::format("DELETE FROM tracked_params WHERE owner IN {}", kOwners),
        fmt::format("DELETE FROM tracked_tags WHERE owner IN {}", kOwners),
        fmt::format("DELETE FROM run_models WHERE owner IN {}", kOwners),
        fmt::format(
            "DELETE FROM input_tags WHERE owner IN (SELECT key FROM inputs WHERE owner IN {})",
            kOwners),
        fmt::format("DELETE FROM inputs WHERE owner IN {}", kOwners),
        std::string("DELETE FROM tracked_runs WHERE run = ?1 AND run != 0")}) {
    const auto gone = change(connection, sql.c_str(), run);
    if (!gone) return tl::unexpected(gone.error());
  }
  return false;
}

}  // namespace scanflow::store
