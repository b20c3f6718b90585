#include "engine/store/tables.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "engine/store/execute.hpp"
#include "engine/store/happenings.hpp"
#include "engine/store/schema.hpp"

namespace scanflow::store {
namespace {

/// What was asked of injected Pods, which are of no run that could be deleted.
constexpr std::int64_t kInjectedKeptUs = std::int64_t{30} * 86'400 * 1'000'000;

}  // namespace

Result<std::unique_ptr<Tables>> Tables::prepare(const Connection& connection) {
  auto tables = std::make_unique<Tables>();
  const std::pair<Statement*, const char*> statements[] = {
      {&tables->find_run_, "SELECT key FROM runs WHERE id = ?1"},
      {&tables->add_run_, "INSERT INTO runs (id) VALUES (?1)"},
      // What four indexes are made of hardly ever changes: they are left alone then.
      {&tables->run_place_,
       "UPDATE runs SET pipeline = ?2, namespace = ?3, parent = ?4, created_us = ?5 WHERE key = ?1 "
       "AND (pipeline, namespace, parent, created_us) IS NOT (?2, ?3, ?4, ?5)"},
      {&tables->run_,
       "UPDATE runs SET status = ?2, file = ?3, backend = ?4, summary = ?5, ended_us = ?6, "
       "steps = ?7, done = ?8, failed = ?9, labels = ?10, parent_step = ?11, retry_of = ?12, "
       "started_by = ?13, concurrency_group = ?14, digest = ?15, version = ?16, priority = ?17, "
       "events = ?18 "
       "WHERE key = ?1"},
      {&tables->event_, "INSERT INTO events VALUES (?1, ?2)"},
      {&tables->step_,
       "INSERT OR REPLACE INTO steps VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"},
      {&tables->cache_, "INSERT OR REPLACE INTO cache VALUES (?1, ?2, ?3, ?4, ?5, ?6)"},
      {&tables->command_,
       "INSERT INTO commands VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, "
       "?15, ?16, ?17) ON CONFLICT (id) DO UPDATE SET outcome = ?13, message = ?14, "
       "evidence = ?15, started_us = ?16, ended_us = ?17 WHERE outcome = ''"},
  };
  for (const auto& [statement, sql] : statements) {
    auto prepared = Statement::prepare(connection, sql);
    if (!prepared) return tl::unexpected(prepared.error());
    *statement = std::move(*prepared);
  }
  auto tracked = Tracked::prepare(connection);
  if (!tracked) return tl::unexpected(tracked.error());
  tables->tracked_ = std::move(*tracked);
  return tables;
}

Result<void> Tables::write(const Connection& connection, const Batch& batch) {
  auto done = write_runs(connection, batch);
  if (done) done = write_events(connection, batch);
  if (done) done = write_metrics(connection, batch);
  if (done) done = write_steps(connection, batch);
  if (done) done = write_ends(connection, batch);
  if (done) done = write_commands(connection, batch);
  if (done) done = write_firings(connection, batch.firings);
  if (!done) return done;
  for (const CacheRow& row : batch.cache) {
    if (!cache_.bind(row.key, row.run, row.step, row.time_us, row.outputs, row.artifacts).run()) {
      return tl::unexpected(connection.error("cannot write the cache to"));
    }
  }
  for (const RunRow& row : batch.runs) {
    if (row.ended_us > 0) keys_.erase(row.id);  // it may be deleted from now on
  }
  return {};
}

Result<std::int64_t> Tables::find_run(const Connection& connection, const std::string& id) {
  if (const auto known = keys_.find(id); known != keys_.end()) return known->second;
  std::int64_t key = 0;
  if (find_run_.bind(id).next()) {
    key = find_run_.column<std::int64_t>(0);
    find_run_.bind();
  } else if (!find_run_.ok()) {
    return tl::unexpected(connection.error("cannot find a run in"));
  }
  return key;
}

Result<std::int64_t> Tables::run_key(const Connection& connection, const std::string& id) {
  auto key = find_run(connection, id);
  if (!key) return key;
  if (*key == 0) {
    if (!add_run_.bind(id).run()) return tl::unexpected(connection.error("cannot write a run to"));
    key = sqlite3_last_insert_rowid(connection.handle());
  }
  keys_.emplace(id, *key);
  return key;
}

Result<void> Tables::write_runs(const Connection& connection, const Batch& batch) {
  for (const RunRow& row : batch.runs) {
    const auto key = run_key(connection, row.id);
    if (!key) return tl::unexpected(key.error());
    if (!run_place_.bind(*key, row.pipeline, row.name_space, row.parent, row.created_us).run() ||
        !run_.bind(*key, row.status, row.file, row.backend, row.summary, row.ended_us, row.steps,
                   row.done, row.failed, row.labels, row.parent_step, row.retry_of, row.trigger,
                   row.group, row.digest, row.version, row.priority, row.events)
             .run()) {
      return tl::unexpected(connection.error("cannot write a run to"));
    }
  }
  return {};
}

/// Of tracked runs, which are there with their first metric; and who waits for it is told.
Result<void> Tables::write_ends(const Connection& connection, const Batch& batch) {
  for (const RunRow& row : batch.runs) {
    const auto key = find_run(connection, row.id);
    if (!key) return tl::unexpected(key.error());
    if (auto updated = tracked_->update(connection, *key, row); !updated) return updated;
    if (auto told = tell_run(connection, row); !told) return told;
  }
  return {};
}

Result<void> Tables::write_events(const Connection& connection, const Batch& batch) {
  for (const EventBlock& block : batch.events) {
    const auto key = run_key(connection, block.run);
    if (!key) return tl::unexpected(key.error());
    if (!event_.bind(row_key(*key, block.first), block.body).run()) {
      return tl::unexpected(connection.error(
          fmt::format("cannot write event {} of run {} to", block.first, block.run)));
    }
  }
  return {};
}

Result<void> Tables::write_steps(const Connection& connection, const Batch& batch) {
  for (const StepRow& row : batch.steps) {
    const auto key = find_run(connection, row.run);
    if (!key) return tl::unexpected(key.error());
    if (*key == 0) continue;  // it was deleted
    if (!step_
             .bind(row_key(*key, row.position), row.id, row.status, row.uses, row.cause,
                   row.message, row.attempts, row.started_us, row.ended_us, row.outputs,
                   row.artifacts, row.log)
             .run()) {
      return tl::unexpected(connection.error("cannot write a step to"));
    }
    if (auto updated = tracked_->update(connection, *key, row); !updated) return updated;
  }
  return {};
}

Result<void> Tables::write_metrics(const Connection& connection, const Batch& batch) {
  for (const TrackedRow& row : batch.tracked) {
    const auto key = find_run(connection, row.run);
    if (!key) return tl::unexpected(key.error());
    if (*key == 0) continue;  // it was deleted
    if (auto begun = tracked_->begin(connection, *key, row); !begun) return begun;
  }
  for (const MetricRow& row : batch.metrics) {
    const auto key = find_run(connection, row.run);
    if (!key) return tl::unexpected(key.error());
    if (*key == 0) continue;  // it was deleted
    if (auto written = tracked_->write(connection, *key, row); !written) return written;
  }
  return {};
}

Result<void> Tables::write_commands(const Connection& connection, const Batch& batch) {
  for (const CommandRow& row : batch.commands) {
    const auto key = find_run(connection, row.run);
    if (!key) return tl::unexpected(key.error());
    const bool injected = row.run == row.pod_uid;  // of no run, and kept under the key 0
    if (*key == 0 && !injected) continue;          // it was deleted
    if (!command_
             .bind(row.id, *key, row.step, row.attempt, row.primitive, row.arguments,
                   row.generation, row.by, row.issued_us, row.deadline_us, row.user, row.pod_uid,
                   row.outcome, row.message, row.evidence, row.started_us, row.ended_us)
             .run()) {
      return tl::unexpected(connection.error("cannot write a command to"));
    }
    if (*key > 0) continue;
    const auto old = change(connection, "DELETE FROM commands WHERE run = 0 AND issued_us < ?1",
                            row.issued_us - kInjectedKeptUs);
    if (!old) return tl::unexpected(old.error());
  }
  return {};
}

Result<void> add_model(const Connection& connection, ModelVersion& model) {
  const auto failed = [&] {
    return tl::unexpected(connection.error("cannot register a model in"));
  };
  auto known = Statement::prepare(
      connection,
      "SELECT v.version, v.created_ms * 1000, v.metrics, v.lineage FROM model_versions AS v JOIN "
      "registered_models AS m ON m.key = v.owner WHERE v.run = ?1 AND v.step = ?2 AND v.attempt = "
      "?3 AND m.name = ?4 AND v.sha256 = ?5");
  if (!known) return tl::unexpected(known.error());
  if (known->bind(model.run, model.step, model.attempt, model.name, model.sha256).next()) {
    known->read(model.version, model.time_us, model.metrics, model.lineage);
    return {};
  }
  if (!known->ok()) return failed();
  const std::int64_t now_ms = model.time_us / 1000;
  auto of_name = Statement::prepare(
      connection,
      "INSERT INTO registered_models (name, created_ms, updated_ms, last_version) VALUES (?1, ?2, "
      "?2, 1) ON CONFLICT (name) DO UPDATE SET last_version = last_version + 1, updated_ms = ?2 "
      "RETURNING key, last_version");
  if (!of_name) return tl::unexpected(of_name.error());
  if (!of_name->bind(model.name, now_ms).next()) return failed();
  std::int64_t owner = 0;
  of_name->read(owner, model.version);
  if (!of_name->run()) return failed();
  const auto added = change(
      connection,
      "INSERT INTO model_versions (owner, version, source, created_ms, updated_ms, sha256, run, "
      "step, attempt, metrics, lineage, run_id) VALUES (?1, ?2, 'scanflow-artifact:/' || ?4, ?3, "
      "?3, ?4, ?5, ?6, ?7, ?8, ?9, "
      // Of the attempt that has made it, where that has logged anything.
      "coalesce((SELECT t.id FROM tracked_runs AS t JOIN runs AS r ON r.key = t.run WHERE r.id = "
      "?5 AND t.run != 0 AND t.step = iif(json_valid(?9), json_extract(?9, '$.made_by'), '') ORDER "
      "BY t.attempt DESC LIMIT "
      "1), ''))",
      owner, model.version, now_ms, model.sha256, model.run, model.step, model.attempt,
      model.metrics, model.lineage.empty() ? "{}" : model.lineage);
  if (!added) return tl::unexpected(added.error());
  const std::int64_t key = sqlite3_last_insert_rowid(connection.handle());
  if (auto told = tell_model_version(connection, key, model.time_us); !told) return told;
  const auto tags = nlohmann::json::parse(model.tags, nullptr, false);
  if (!tags.is_object()) return {};
  for (const auto& [name, value] : tags.items()) {
    if (value.is_null()) continue;
    const auto tagged = change(
        connection, "INSERT OR REPLACE INTO model_version_tags VALUES (?1, ?2, ?3)", key, name,
        value.is_string() ? value.get<std::string>()
                          : value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    if (!tagged) return tl::unexpected(tagged.error());
  }
  return {};
}

}  // namespace scanflow::store
