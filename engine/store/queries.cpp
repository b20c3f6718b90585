#include "engine/store/queries.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/store/execute.hpp"
#include "engine/store/schema.hpp"

namespace scanflow::store {
namespace {

constexpr std::size_t kIdleConnections = 4;

/// 0: there is no such run.
Result<std::int64_t> run_key(const Connection& connection, const std::string& run) {
  auto statement = Statement::prepare(connection, "SELECT key FROM runs WHERE id = ?1");
  if (!statement) return tl::unexpected(statement.error());
  if (statement->bind(run).next()) return statement->column<std::int64_t>(0);
  if (!statement->ok()) return tl::unexpected(connection.error("cannot read"));
  return 0;
}

}  // namespace

Result<std::vector<StepRow>> read_steps(const Connection& connection, const std::string& run) {
  const auto key = run_key(connection, run);
  if (!key) return tl::unexpected(key.error());
  const auto fill = [&](const Statement& columns, StepRow& step) {
    std::int64_t row = 0;
    columns.read(row, step.id, step.status, step.uses, step.cause, step.message, step.attempts,
                 step.started_us, step.ended_us, step.outputs, step.artifacts, step.log);
    step.run = run;
    step.position = static_cast<std::uint32_t>(row & 0xffffffff);
  };
  return collect<StepRow>(connection,
                          "SELECT key, id, status, uses, cause, message, attempts, started_us, "
                          "ended_us, outputs, artifacts, log FROM steps "
                          "WHERE key >= ?1 AND key < ?2 ORDER BY key",
                          fill, row_key(*key, 0), row_key(*key + 1, 0));
}

Result<std::vector<EventRow>> read_events(const Connection& connection, const std::string& run,
                                          std::int64_t after_seq, std::size_t limit,
                                          std::size_t most_bytes) {
  struct Known {
    std::int64_t key = 0, events = 0;
  };
  const auto known = collect<Known>(
      connection, "SELECT key, events FROM runs WHERE id = ?1",
      [](const Statement& columns, Known& row) { columns.read(row.key, row.events); }, run);
  if (!known) return tl::unexpected(known.error());
  if (known->empty()) return std::vector<EventRow>();
  const std::int64_t key = known->front().key;
  const auto damaged = [&](std::int64_t seq, const std::string& instead) {
    return fail(
        fmt::format("the database is damaged: event {} of run {} is not there{}; restore a "
                    "backup",
                    seq, run, instead));
  };
  // From the block on that the next event lies in.
  auto blocks = Statement::prepare(
      connection,
      "SELECT key, body FROM events WHERE key < ?3 AND key >= coalesce("
      "(SELECT max(key) FROM events WHERE key >= ?1 AND key <= ?2), ?2) ORDER BY key");
  if (!blocks) return tl::unexpected(blocks.error());
  blocks->bind(row_key(key, 0), row_key(key, after_seq + 1), row_key(key + 1, 0));
  std::vector<EventRow> events;
  std::int64_t seq = 0;  // of the next one
  std::size_t bytes = 0;
  const auto full = [&] { return events.size() >= limit || bytes >= most_bytes; };
  while (!full() && blocks->next()) {
    const std::int64_t first = blocks->column<std::int64_t>(0) & 0xffffffff;
    if (seq != 0 && seq != first) return damaged(seq, fmt::format(", {} is", first));
    seq = first;
    const auto body = blocks->column<std::string_view>(1);  // valid until next()
    for (std::size_t begin = 0; begin <= body.size() && !full(); ++seq) {
      const std::size_t end = std::min(body.find('\n', begin), body.size());
      if (seq > after_seq) {
        events.push_back({seq, std::string(body.substr(begin, end - begin))});
        bytes += end - begin;
      }
      begin = end + 1;
    }
  }
  if (!blocks->ok()) return tl::unexpected(connection.error("cannot read"));
  const std::int64_t last = events.empty() ? after_seq : events.back().seq;
  if (!full() && last < known->front().events) return damaged(last + 1, "");
  return events;
}

Result<std::vector<MetricRow>> read_metrics(const Connection& connection, const std::string& run) {
  const auto key = run_key(connection, run);
  if (!key) return tl::unexpected(key.error());
  const auto fill = [&](const Statement& columns, MetricRow& metric) {
    columns.read(metric.step, metric.attempt, metric.number, metric.name, metric.labels,
                 metric.at_step, metric.value, metric.time_us);
    metric.run = run;
  };
  return collect<MetricRow>(connection,
                            "SELECT t.step, t.attempt, p.number, s.metric, s.labels, p.step, "
                            "iif(p.not_a_number, NULL, p.value), p.time_us FROM tracked_runs AS t "
                            "JOIN series AS s ON s.owner = t.key JOIN points AS p ON p.series = "
                            "s.key WHERE t.run = ?1 AND t.run != 0 ORDER BY t.step, s.metric, "
                            "p.step, t.attempt, p.time_us, p.number",
                            fill, *key);
}

Result<std::optional<CacheRow>> read_cached(const Connection& connection, const std::string& key) {
  const auto fill = [&](const Statement& columns, CacheRow& row) {
    columns.read(row.run, row.step, row.time_us, row.outputs, row.artifacts);
    row.key = key;
  };
  auto rows = collect<CacheRow>(
      connection, "SELECT run, step, time_us, outputs, artifacts FROM cache WHERE key = ?1", fill,
      key);
  if (!rows) return tl::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  return std::move(rows->front());
}

Result<std::vector<ModelVersion>> read_models(const Connection& connection) {
  const auto fill = [](const Statement& columns, ModelVersion& model) {
    columns.read(model.name, model.version, model.sha256, model.run, model.step, model.attempt,
                 model.time_us, model.metrics, model.tags, model.lineage);
  };
  return collect<ModelVersion>(
      connection,
      "SELECT m.name, v.version, v.sha256, v.run, v.step, v.attempt, v.created_ms * 1000, "
      "v.metrics, (SELECT json_group_object(key, value) FROM model_version_tags WHERE owner = "
      "v.key), v.lineage FROM model_versions AS v JOIN registered_models AS m ON m.key = v.owner "
      "ORDER BY m.name, v.version",
      fill);
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
