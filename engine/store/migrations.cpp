#include "engine/store/migrations.hpp"

namespace scanflow::store {
namespace {

constexpr const char* kVersion1 = R"sql(
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE runs (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  pipeline TEXT NOT NULL DEFAULT '',
  namespace TEXT NOT NULL DEFAULT '',
  status TEXT NOT NULL DEFAULT 'running',
  file TEXT NOT NULL DEFAULT '',
  backend TEXT NOT NULL DEFAULT '',
  summary TEXT NOT NULL DEFAULT '',
  created_us INTEGER NOT NULL DEFAULT 0,
  ended_us INTEGER NOT NULL DEFAULT 0,
  steps INTEGER NOT NULL DEFAULT 0,
  done INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX runs_by_time ON runs (created_us);
CREATE TABLE events (
  key INTEGER PRIMARY KEY,         -- runs.key << 32 | seq
  time_us INTEGER NOT NULL,
  type TEXT NOT NULL,
  step TEXT NOT NULL,
  body TEXT NOT NULL
);
CREATE TABLE steps (
  key INTEGER PRIMARY KEY,         -- runs.key << 32 | position
  id TEXT NOT NULL,
  status TEXT NOT NULL,
  uses TEXT NOT NULL,
  cause TEXT NOT NULL,
  message TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  started_us INTEGER NOT NULL,
  ended_us INTEGER NOT NULL,
  outputs TEXT NOT NULL,
  artifacts TEXT NOT NULL,
  log TEXT NOT NULL
);
CREATE TABLE metrics (
  run INTEGER NOT NULL,            -- runs.key
  step TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  name TEXT NOT NULL,
  labels TEXT NOT NULL,
  at_step INTEGER NOT NULL,
  value REAL NOT NULL,
  time_us INTEGER NOT NULL
);
CREATE INDEX metrics_by_run ON metrics (run);
CREATE TABLE cache (
  key TEXT PRIMARY KEY,
  run TEXT NOT NULL,
  step TEXT NOT NULL,
  time_us INTEGER NOT NULL,
  outputs TEXT NOT NULL,
  artifacts TEXT NOT NULL
);
CREATE TABLE models (
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  run TEXT NOT NULL,
  step TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  time_us INTEGER NOT NULL,
  metrics TEXT NOT NULL,
  tags TEXT NOT NULL,
  lineage TEXT NOT NULL,
  PRIMARY KEY (name, version)
);
CREATE UNIQUE INDEX models_by_source ON models (run, step, attempt, name, sha256);
)sql";

/// Metrics are numbered by attempt: one that is told twice is stored once.
constexpr const char* kVersion2 = R"sql(
CREATE TABLE numbered (
  run INTEGER NOT NULL,            -- runs.key
  step TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  number INTEGER NOT NULL,
  name TEXT NOT NULL,
  labels TEXT NOT NULL,
  at_step INTEGER NOT NULL,
  value REAL NOT NULL,
  time_us INTEGER NOT NULL,
  PRIMARY KEY (run, step, attempt, number)
) WITHOUT ROWID;
INSERT INTO numbered
  SELECT run, step, attempt, rowid, name, labels, at_step, value, time_us FROM metrics;
DROP TABLE metrics;
ALTER TABLE numbered RENAME TO metrics;
)sql";

/// Runs say where they come from, and can be deleted: AUTOINCREMENT gives no number twice, since
/// rows of a deleted run may be there for a while. Registered documents.
constexpr const char* kVersion3 = R"sql(
CREATE TABLE numbered_runs (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  pipeline TEXT NOT NULL DEFAULT '',
  namespace TEXT NOT NULL DEFAULT '',
  status TEXT NOT NULL DEFAULT 'running',
  file TEXT NOT NULL DEFAULT '',
  backend TEXT NOT NULL DEFAULT '',
  summary TEXT NOT NULL DEFAULT '',
  created_us INTEGER NOT NULL DEFAULT 0,
  ended_us INTEGER NOT NULL DEFAULT 0,
  steps INTEGER NOT NULL DEFAULT 0,
  done INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  labels TEXT NOT NULL DEFAULT '',
  parent TEXT NOT NULL DEFAULT '',
  parent_step TEXT NOT NULL DEFAULT '',
  retry_of TEXT NOT NULL DEFAULT '',
  started_by TEXT NOT NULL DEFAULT '',
  concurrency_group TEXT NOT NULL DEFAULT '',
  digest TEXT NOT NULL DEFAULT '',
  version INTEGER NOT NULL DEFAULT 0,
  priority INTEGER NOT NULL DEFAULT 0
);
INSERT INTO numbered_runs (key, id, pipeline, namespace, status, file, backend, summary, created_us,
                           ended_us, steps, done, failed, started_by)
  SELECT key, id, pipeline, namespace, status, file, backend, summary, created_us, ended_us, steps,
         done, failed, 'cli' FROM runs;
DROP TABLE runs;
ALTER TABLE numbered_runs RENAME TO runs;
CREATE INDEX runs_by_time ON runs (created_us);
CREATE INDEX runs_by_namespace ON runs (namespace, created_us);
CREATE INDEX runs_by_pipeline ON runs (pipeline, created_us);
CREATE INDEX runs_by_status ON runs (status, created_us);
CREATE INDEX runs_by_parent ON runs (parent, created_us);
CREATE INDEX runs_unfinished ON runs (created_us) WHERE ended_us = 0;
CREATE TABLE deleted_runs (key INTEGER PRIMARY KEY);  -- runs.key; other rows may still be there
CREATE INDEX cache_by_time ON cache (time_us);
CREATE TABLE documents (
  kind TEXT NOT NULL,
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  digest TEXT NOT NULL,            -- SHA-256 of source
  source TEXT NOT NULL,
  file TEXT NOT NULL,
  labels TEXT NOT NULL,
  created_us INTEGER NOT NULL,
  PRIMARY KEY (kind, namespace, name, version)
);
CREATE TABLE document_numbers (    -- outlive the documents: no number is given twice
  kind TEXT NOT NULL,
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  last INTEGER NOT NULL,
  PRIMARY KEY (kind, namespace, name)
) WITHOUT ROWID;
)sql";

/// Events that are committed together are one row. What its columns said is in the text, too.
/// A metric may be no number. A run says how many it has: SQLite may not notice that a damaged page hides some. Firings of
/// schedules that made no run say why.
constexpr const char* kVersion4 = R"sql(
CREATE TABLE event_blocks (
  key INTEGER PRIMARY KEY,         -- runs.key << 32 | seq of the first
  body TEXT NOT NULL               -- JSON, a line for each event
);
INSERT INTO event_blocks SELECT key, body FROM events;
DROP TABLE events;
ALTER TABLE event_blocks RENAME TO events;
ALTER TABLE runs ADD COLUMN events INTEGER NOT NULL DEFAULT 0;
CREATE TABLE any_metrics (
  run INTEGER NOT NULL,            -- runs.key
  step TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  number INTEGER NOT NULL,
  name TEXT NOT NULL,
  labels TEXT NOT NULL,
  at_step INTEGER NOT NULL,
  value REAL,                      -- NULL: not a number
  time_us INTEGER NOT NULL,
  PRIMARY KEY (run, step, attempt, number)
) WITHOUT ROWID;
INSERT INTO any_metrics SELECT * FROM metrics;
DROP TABLE metrics;
ALTER TABLE any_metrics RENAME TO metrics;
CREATE TABLE firings (
  pipeline TEXT PRIMARY KEY,       -- NAMESPACE/NAME
  time_us INTEGER NOT NULL,
  problem TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO firings SELECT substr(key, 7), CAST(value AS INTEGER), '' FROM meta
  WHERE key >= 'fired:' AND key < 'fired;';
DELETE FROM meta WHERE key >= 'fired:' AND key < 'fired;';
)sql";

/// What was asked of running steps. An engine's hub has a term of its own, higher than any before.
constexpr const char* kVersion5 = R"sql(
CREATE TABLE commands (
  id TEXT PRIMARY KEY,
  run INTEGER NOT NULL,            -- runs.key
  step TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  primitive TEXT NOT NULL,
  arguments TEXT NOT NULL,
  generation INTEGER NOT NULL,
  asked_by TEXT NOT NULL,
  issued_us INTEGER NOT NULL,
  deadline_us INTEGER NOT NULL,
  sidecar_user TEXT NOT NULL,
  sidecar_pod TEXT NOT NULL,
  outcome TEXT NOT NULL,           -- '': it has none yet
  message TEXT NOT NULL,
  evidence TEXT NOT NULL,
  started_us INTEGER NOT NULL,
  ended_us INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX commands_by_run ON commands (run, issued_us);
CREATE INDEX commands_open ON commands (issued_us) WHERE outcome = '';
INSERT INTO meta VALUES ('term', '0');
)sql";

/// What was asked of objects of a cluster.
constexpr const char* kVersion6 = R"sql(
CREATE TABLE actions (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  api_version TEXT NOT NULL,
  kind TEXT NOT NULL,
  namespace TEXT NOT NULL,         -- '': its kind has none
  name TEXT NOT NULL,
  primitive TEXT NOT NULL,
  arguments TEXT NOT NULL,
  digest TEXT NOT NULL,            -- of all that was asked: the same id again must have the same
  dry_run INTEGER NOT NULL,
  asked_by TEXT NOT NULL,
  issued_us INTEGER NOT NULL,
  deadline_us INTEGER NOT NULL,
  outcome TEXT NOT NULL,           -- '': it has none yet
  message TEXT NOT NULL,
  evidence TEXT NOT NULL,
  started_us INTEGER NOT NULL,
  ended_us INTEGER NOT NULL
);
CREATE INDEX actions_by_object ON actions (kind, name, namespace, key);
CREATE INDEX actions_open ON actions (key) WHERE outcome = '';
)sql";

}  // namespace

const std::array<const char*, kSchemaVersion> kMigrations{kVersion1,       kVersion2,     kVersion3,
                                                          kVersion4,       kVersion5,     kVersion6,
                                                          kTrackingTables, kControlTables};

}  // namespace scanflow::store
