#include "engine/store/tables.hpp"

#include <fmt/format.h>

#include <utility>

#include "engine/store/schema.hpp"

namespace scanflow::store {

Result<std::unique_ptr<Tables>> Tables::prepare(const Connection& connection) {
  auto tables = std::make_unique<Tables>();
  const std::pair<Statement*, const char*> statements[] = {
      {&tables->find_run_, "SELECT key FROM runs WHERE id = ?1"},
      {&tables->add_run_, "INSERT INTO runs (id) VALUES (?1)"},
      {&tables->run_,
       "UPDATE runs SET pipeline = ?2, namespace = ?3, status = ?4, file = ?5, backend = ?6, "
       "summary = ?7, created_us = ?8, ended_us = ?9, steps = ?10, done = ?11, failed = ?12 "
       "WHERE key = ?1"},
      {&tables->event_, "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5)"},
      {&tables->step_,
       "INSERT OR REPLACE INTO steps VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"},
      {&tables->metric_,
       "INSERT OR IGNORE INTO metrics VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"},
      {&tables->cache_, "INSERT OR REPLACE INTO cache VALUES (?1, ?2, ?3, ?4, ?5, ?6)"},
  };
  for (const auto& [statement, sql] : statements) {
    auto prepared = Statement::prepare(connection, sql);
    if (!prepared) return tl::unexpected(prepared.error());
    *statement = std::move(*prepared);
  }
  return tables;
}

Result<void> Tables::write(const Connection& connection, const Batch& batch) {
  auto done = write_runs(connection, batch);
  if (done) done = write_events(connection, batch);
  if (done) done = write_steps(connection, batch);
  if (done) done = write_metrics(connection, batch);
  if (!done) return done;
  for (const CacheRow& row : batch.cache) {
    if (!cache_.bind(row.key, row.run, row.step, row.time_us, row.outputs, row.artifacts).run()) {
      return tl::unexpected(connection.error("cannot write the cache to"));
    }
  }
  return {};
}

Result<std::int64_t> Tables::run_key(const Connection& connection, const std::string& id) {
  if (const auto known = keys_.find(id); known != keys_.end()) return known->second;
  std::int64_t key = 0;
  if (find_run_.bind(id).next()) {
    key = find_run_.column<std::int64_t>(0);
    find_run_.bind();
  } else if (find_run_.ok() && add_run_.bind(id).run()) {
    key = sqlite3_last_insert_rowid(connection.handle());
  } else {
    return tl::unexpected(connection.error("cannot write a run to"));
  }
  keys_.emplace(id, key);
  return key;
}

Result<void> Tables::write_runs(const Connection& connection, const Batch& batch) {
  for (const RunRow& row : batch.runs) {
    const auto key = run_key(connection, row.id);
    if (!key) return tl::unexpected(key.error());
    if (!run_.bind(*key, row.pipeline, row.name_space, row.status, row.file, row.backend,
                   row.summary, row.created_us, row.ended_us, row.steps, row.done, row.failed)
             .run()) {
      return tl::unexpected(connection.error("cannot write a run to"));
    }
  }
  return {};
}

Result<void> Tables::write_events(const Connection& connection, const Batch& batch) {
  for (const EventRow& row : batch.events) {
    const auto key = run_key(connection, row.run);
    if (!key) return tl::unexpected(key.error());
    if (!event_.bind(row_key(*key, row.seq), row.time_us, row.type, row.step, row.body).run()) {
      return tl::unexpected(
          connection.error(fmt::format("cannot write event {} of run {} to", row.seq, row.run)));
    }
  }
  return {};
}

Result<void> Tables::write_steps(const Connection& connection, const Batch& batch) {
  for (const StepRow& row : batch.steps) {
    const auto key = run_key(connection, row.run);
    if (!key) return tl::unexpected(key.error());
    if (!step_
             .bind(row_key(*key, row.position), row.id, row.status, row.uses, row.cause,
                   row.message, row.attempts, row.started_us, row.ended_us, row.outputs,
                   row.artifacts, row.log)
             .run()) {
      return tl::unexpected(connection.error("cannot write a step to"));
    }
  }
  return {};
}

Result<void> Tables::write_metrics(const Connection& connection, const Batch& batch) {
  for (const MetricRow& row : batch.metrics) {
    const auto key = run_key(connection, row.run);
    if (!key) return tl::unexpected(key.error());
    if (!metric_
             .bind(*key, row.step, row.attempt, row.number, row.name, row.labels, row.at_step,
                   row.value, row.time_us)
             .run()) {
      return tl::unexpected(connection.error("cannot write a metric to"));
    }
  }
  return {};
}

Result<void> add_model(const Connection& connection, ModelVersion& model) {
  auto known = Statement::prepare(connection,
                                  "SELECT version, time_us, metrics, tags, lineage FROM models "
                                  "WHERE run = ?1 AND step = ?2 AND attempt = ?3 AND name = ?4 "
                                  "AND sha256 = ?5");
  if (!known) return tl::unexpected(known.error());
  if (known->bind(model.run, model.step, model.attempt, model.name, model.sha256).next()) {
    known->read(model.version, model.time_us, model.metrics, model.tags, model.lineage);
    return {};
  }
  auto add = Statement::prepare(
      connection,
      "INSERT INTO models SELECT ?1, coalesce(max(version), 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 "
      "FROM models WHERE name = ?1 RETURNING version");
  if (!add) return tl::unexpected(add.error());
  if (known->ok() && add->bind(model.name, model.sha256, model.run, model.step, model.attempt,
                               model.time_us, model.metrics, model.tags, model.lineage)
                         .next()) {
    add->read(model.version);
    if (add->run()) return {};
  }
  return tl::unexpected(connection.error("cannot register a model in"));
}

}  // namespace scanflow::store
