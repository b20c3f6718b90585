#include "engine/store/queries.hpp"

#include <utility>

#include "engine/store/schema.hpp"

namespace scanflow::store {
namespace {

constexpr std::size_t kIdleConnections = 4;

/// Runs the statement with its parameters and makes a row of each result.
template <class Row, class Make, class... Values>
Result<std::vector<Row>> collect(const Connection& connection, const char* sql, Make make,
                                 const Values&... values) {
  auto statement = Statement::prepare(connection, sql);
  if (!statement) return tl::unexpected(statement.error());
  std::vector<Row> rows;
  statement->bind(values...);
  while (statement->next()) rows.push_back(make(*statement));
  if (!statement->ok()) return tl::unexpected(connection.error("cannot read"));
  return rows;
}

#define SCANFLOW_RUN_COLUMNS                                                                     \
  "id, pipeline, namespace, status, file, backend, summary, created_us, ended_us, steps, done, " \
  "failed"

RunRow make_run(const Statement& row) {
  RunRow run;
  run.id = row.text(0);
  run.pipeline = row.text(1);
  run.name_space = row.text(2);
  run.status = row.text(3);
  run.file = row.text(4);
  run.backend = row.text(5);
  run.summary = row.text(6);
  run.created_us = row.integer(7);
  run.ended_us = row.integer(8);
  run.steps = row.number(9);
  run.done = row.number(10);
  run.failed = row.number(11);
  return run;
}

/// 0: there is no such run.
Result<std::int64_t> run_key(const Connection& connection, const std::string& run) {
  auto statement = Statement::prepare(connection, "SELECT key FROM runs WHERE id = ?1");
  if (!statement) return tl::unexpected(statement.error());
  if (statement->bind(run).next()) return statement->integer(0);
  if (!statement->ok()) return tl::unexpected(connection.error("cannot read"));
  return 0;
}

}  // namespace

Result<std::vector<RunRow>> read_runs(const Connection& connection, std::size_t limit) {
  return collect<RunRow>(connection,
                         "SELECT " SCANFLOW_RUN_COLUMNS
                         " FROM runs ORDER BY created_us DESC, key DESC LIMIT ?1",
                         make_run, limit);
}

Result<std::vector<RunRow>> read_runs_like(const Connection& connection,
                                           const std::string& prefix) {
  return collect<RunRow>(connection,
                         "SELECT " SCANFLOW_RUN_COLUMNS
                         " FROM runs WHERE id >= ?1 AND id < ?1 || char(0x10ffff)"
                         " ORDER BY created_us DESC, key DESC",
                         make_run, prefix);
}
#undef SCANFLOW_RUN_COLUMNS

Result<std::vector<StepRow>> read_steps(const Connection& connection, const std::string& run) {
  const auto key = run_key(connection, run);
  if (!key) return tl::unexpected(key.error());
  const auto make = [&](const Statement& row) {
    StepRow step;
    step.run = run;
    step.position = static_cast<std::uint32_t>(row.integer(0) & 0xffffffff);
    step.id = row.text(1);
    step.status = row.text(2);
    step.uses = row.text(3);
    step.cause = row.text(4);
    step.message = row.text(5);
    step.attempts = row.number(6);
    step.started_us = row.integer(7);
    step.ended_us = row.integer(8);
    step.outputs = row.text(9);
    step.artifacts = row.text(10);
    step.log = row.text(11);
    return step;
  };
  return collect<StepRow>(connection,
                          "SELECT key, id, status, uses, cause, message, attempts, started_us, "
                          "ended_us, outputs, artifacts, log FROM steps "
                          "WHERE key >= ?1 AND key < ?2 ORDER BY key",
                          make, row_key(*key, 0), row_key(*key + 1, 0));
}

Result<std::vector<EventRow>> read_events(const Connection& connection, const std::string& run,
                                          std::int64_t after_seq) {
  const auto key = run_key(connection, run);
  if (!key) return tl::unexpected(key.error());
  const auto make = [&](const Statement& row) {
    EventRow event;
    event.run = run;
    event.seq = row.integer(0) & 0xffffffff;
    event.time_us = row.integer(1);
    event.type = row.text(2);
    event.step = row.text(3);
    event.body = row.text(4);
    return event;
  };
  return collect<EventRow>(connection,
                           "SELECT key, time_us, type, step, body FROM events "
                           "WHERE key > ?1 AND key < ?2 ORDER BY key",
                           make, row_key(*key, after_seq), row_key(*key + 1, 0));
}

Result<std::vector<MetricRow>> read_metrics(const Connection& connection, const std::string& run) {
  const auto key = run_key(connection, run);
  if (!key) return tl::unexpected(key.error());
  const auto make = [&](const Statement& row) {
    MetricRow metric;
    metric.run = run;
    metric.step = row.text(0);
    metric.attempt = row.number(1);
    metric.name = row.text(2);
    metric.labels = row.text(3);
    metric.at_step = row.integer(4);
    metric.value = row.real(5);
    metric.time_us = row.integer(6);
    return metric;
  };
  return collect<MetricRow>(connection,
                            "SELECT step, attempt, name, labels, at_step, value, time_us "
                            "FROM metrics WHERE run = ?1 "
                            "ORDER BY step, name, at_step, attempt, rowid",
                            make, *key);
}

Result<std::optional<CacheRow>> read_cached(const Connection& connection, const std::string& key) {
  const auto make = [&](const Statement& row) {
    return CacheRow{.key = key,
                    .run = row.text(0),
                    .step = row.text(1),
                    .time_us = row.integer(2),
                    .outputs = row.text(3),
                    .artifacts = row.text(4)};
  };
  auto rows = collect<CacheRow>(
      connection, "SELECT run, step, time_us, outputs, artifacts FROM cache WHERE key = ?1", make,
      key);
  if (!rows) return tl::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  return std::move(rows->front());
}

Result<std::vector<ModelVersion>> read_models(const Connection& connection) {
  const auto make = [](const Statement& row) {
    ModelVersion model;
    model.name = row.text(0);
    model.version = row.number(1);
    model.sha256 = row.text(2);
    model.run = row.text(3);
    model.step = row.text(4);
    model.attempt = row.number(5);
    model.time_us = row.integer(6);
    model.metrics = row.text(7);
    model.tags = row.text(8);
    model.lineage = row.text(9);
    return model;
  };
  return collect<ModelVersion>(connection, "SELECT * FROM models ORDER BY name, version", make);
}

Result<Connection> ReaderPool::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      Connection connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
  }
  return Connection::open(file_, Connection::Mode::read);
}

void ReaderPool::give_back(Connection connection) {
  const std::lock_guard lock(mutex_);
  if (idle_.size() < kIdleConnections) idle_.push_back(std::move(connection));
}

}  // namespace scanflow::store
