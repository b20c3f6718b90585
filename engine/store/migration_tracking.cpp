// Experiments, runs and models (engine/track): version 7 of the tables.
#include "engine/store/migrations.hpp"

namespace scanflow::store {

const char kTrackingTables[] = R"sql(
CREATE TABLE experiments (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,       -- also of deleted ones
  artifact_location TEXT NOT NULL,
  deleted INTEGER NOT NULL DEFAULT 0,
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL
);
INSERT INTO experiments VALUES (0, 'Default', 'mlflow-artifacts:/0', 0, 0, 0);
CREATE TABLE experiment_tags (
  owner INTEGER NOT NULL,          -- experiments.key
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE TABLE tracked_runs (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  experiment INTEGER NOT NULL,     -- experiments.key
  name TEXT NOT NULL,
  user TEXT NOT NULL,
  status TEXT NOT NULL,
  deleted INTEGER NOT NULL DEFAULT 0,
  started_ms INTEGER NOT NULL,
  ended_ms INTEGER,                -- NULL: it has not
  artifact_uri TEXT NOT NULL,
  -- Of one that a pipeline's run is (step '', attempt 0), or an attempt of it that logs.
  run INTEGER NOT NULL DEFAULT 0,  -- runs.key; 0: of none
  step TEXT NOT NULL DEFAULT '',
  attempt INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX tracked_runs_by_experiment ON tracked_runs (experiment, started_ms);
CREATE UNIQUE INDEX tracked_runs_of_runs ON tracked_runs (run, step, attempt) WHERE run != 0;
CREATE TABLE tracked_params (
  owner INTEGER NOT NULL,          -- tracked_runs.key
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE TABLE tracked_tags (
  owner INTEGER NOT NULL,          -- tracked_runs.key
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE TABLE series (              -- of metrics, each with its latest point
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  owner INTEGER NOT NULL,          -- tracked_runs.key
  name TEXT NOT NULL,              -- with the labels in it
  metric TEXT NOT NULL,
  labels TEXT NOT NULL,            -- JSON object of texts, or ''
  step INTEGER NOT NULL,
  time_us INTEGER NOT NULL,
  value REAL,                      -- NULL: not a number
  UNIQUE (owner, metric, labels)
);
CREATE INDEX series_by_name ON series (owner, name);
CREATE TABLE points (
  series INTEGER NOT NULL,         -- series.key
  time_us INTEGER NOT NULL,
  step INTEGER NOT NULL,
  value REAL NOT NULL,             -- 0 where it is not a number
  not_a_number INTEGER NOT NULL,
  number INTEGER NOT NULL,         -- of an attempt's metrics; 0: of none
  PRIMARY KEY (series, time_us, step, value, not_a_number, number)
) WITHOUT ROWID;
CREATE TABLE datasets (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  experiment INTEGER NOT NULL,     -- experiments.key
  name TEXT NOT NULL,
  digest TEXT NOT NULL,
  source_type TEXT NOT NULL,
  source TEXT NOT NULL,
  schema TEXT NOT NULL,
  profile TEXT NOT NULL,
  UNIQUE (experiment, name, digest)
);
CREATE TABLE registered_models (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  description TEXT NOT NULL DEFAULT '',
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL,
  last_version INTEGER NOT NULL DEFAULT 0  -- that was given: none is given twice
);
CREATE TABLE registered_model_tags (
  owner INTEGER NOT NULL,          -- registered_models.key
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE TABLE model_aliases (
  owner INTEGER NOT NULL,          -- registered_models.key
  alias TEXT NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (owner, alias)
) WITHOUT ROWID;
CREATE TABLE model_versions (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  owner INTEGER NOT NULL,          -- registered_models.key
  version INTEGER NOT NULL,
  description TEXT NOT NULL DEFAULT '',
  user TEXT NOT NULL DEFAULT '',
  stage TEXT NOT NULL DEFAULT 'None',
  source TEXT NOT NULL,            -- URI
  run_id TEXT NOT NULL DEFAULT '', -- tracked_runs.id
  run_link TEXT NOT NULL DEFAULT '',
  status TEXT NOT NULL DEFAULT 'READY',
  status_message TEXT NOT NULL DEFAULT '',
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL,
  -- Of one that a step has registered; '': it was not.
  sha256 TEXT NOT NULL DEFAULT '',
  run TEXT NOT NULL DEFAULT '',    -- runs.id
  step TEXT NOT NULL DEFAULT '',
  attempt INTEGER NOT NULL DEFAULT 0,
  metrics TEXT NOT NULL DEFAULT '',
  lineage TEXT NOT NULL DEFAULT '',
  model_id TEXT NOT NULL DEFAULT '', -- logged_models.id
  UNIQUE (owner, version)
);
CREATE INDEX model_versions_by_tracked_run ON model_versions (run_id) WHERE run_id != '';
CREATE UNIQUE INDEX model_versions_by_source ON model_versions (run, step, attempt, owner, sha256)
  WHERE run != '';
CREATE TABLE model_version_tags (
  owner INTEGER NOT NULL,          -- model_versions.key
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (owner, key)
) WITHOUT ROWID;
INSERT INTO registered_models (name, created_ms, updated_ms, last_version)
  SELECT name, min(time_us) / 1000, max(time_us) / 1000, max(version) FROM models GROUP BY name;
INSERT INTO model_versions (owner, version, source, created_ms, updated_ms, sha256, run, step,
                            attempt, metrics, lineage)
  SELECT m.key, o.version, 'scanflow-artifact:/' || o.sha256, o.time_us / 1000, o.time_us / 1000,
         o.sha256, o.run, o.step, o.attempt, o.metrics, o.lineage
    FROM models AS o JOIN registered_models AS m ON m.name = o.name ORDER BY o.time_us;
INSERT OR REPLACE INTO model_version_tags
  SELECT v.key, t.key, CASE t.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE t.value END
    FROM models AS o JOIN registered_models AS m ON m.name = o.name
    JOIN model_versions AS v ON v.owner = m.key AND v.version = o.version,
    json_each(iif(json_valid(o.tags), o.tags, '{}')) AS t
    WHERE t.type != 'null' AND t.key IS NOT NULL;
DROP TABLE models;
INSERT OR IGNORE INTO experiments (name, artifact_location, created_ms, updated_ms)
  SELECT namespace || '/' || pipeline, '', created_us / 1000, created_us / 1000 FROM runs
    WHERE key IN (SELECT run FROM metrics) ORDER BY created_us;
UPDATE experiments SET artifact_location = 'mlflow-artifacts:/' || key WHERE artifact_location = '';
INSERT INTO tracked_runs (id, experiment, name, user, status, started_ms, ended_ms, artifact_uri, run)
  SELECT iif(row_number() OVER (PARTITION BY replace(r.id, '-', '') ORDER BY r.key) = 1,
             replace(r.id, '-', ''), lower(hex(randomblob(16)))), e.key, r.pipeline, '',
         CASE r.status WHEN 'succeeded' THEN 'FINISHED' WHEN 'failed' THEN 'FAILED'
           WHEN 'cancelled' THEN 'KILLED' ELSE 'RUNNING' END,
         r.created_us / 1000, iif(r.ended_us > 0, r.ended_us / 1000, NULL),
         '', r.key
    FROM runs AS r JOIN experiments AS e ON e.name = r.namespace || '/' || r.pipeline
    WHERE r.key IN (SELECT run FROM metrics) ORDER BY r.key;
INSERT INTO tracked_runs (id, experiment, name, user, status, started_ms, ended_ms, artifact_uri,
                          run, step, attempt)
  SELECT lower(hex(randomblob(16))), t.experiment, m.step, '',
         CASE t.status WHEN 'RUNNING' THEN 'RUNNING' WHEN 'FAILED' THEN 'FAILED' ELSE 'FINISHED' END,
         t.started_ms, t.ended_ms, '', m.run, m.step, m.attempt
    FROM (SELECT DISTINCT run, step, attempt FROM metrics) AS m JOIN tracked_runs AS t ON t.run = m.run;
UPDATE tracked_runs SET artifact_uri = 'mlflow-artifacts:/' || experiment || '/' || id || '/artifacts'
  WHERE artifact_uri = '';
INSERT INTO tracked_tags SELECT key, 'mlflow.runName', name FROM tracked_runs;
INSERT INTO tracked_tags SELECT t.key, 'scanflow.run', r.id FROM tracked_runs AS t JOIN runs AS r ON r.key = t.run;
INSERT INTO tracked_tags SELECT key, 'scanflow.step', step FROM tracked_runs WHERE step != '';
INSERT INTO tracked_tags SELECT t.key, 'mlflow.parentRunId', p.id FROM tracked_runs AS t
  JOIN tracked_runs AS p ON p.run = t.run AND p.step = '' WHERE t.step != '';
INSERT INTO series (owner, name, metric, labels, step, time_us, value)
  SELECT t.key,
         m.name || ifnull((SELECT group_concat('/' || l.key || ':' || l.value, '')
                           FROM json_each(iif(json_valid(m.labels), m.labels, '{}')) AS l), ''),
         m.name, m.labels, m.at_step, m.time_us, m.value
    FROM (SELECT *, row_number() OVER (PARTITION BY run, step, attempt, name, labels
                                       ORDER BY at_step DESC, time_us DESC, value DESC) AS place
          FROM metrics) AS m
    JOIN tracked_runs AS t ON t.run = m.run AND t.step = m.step AND t.attempt = m.attempt
    WHERE m.place = 1;
INSERT INTO points
  SELECT s.key, m.time_us, m.at_step, ifnull(m.value, 0), m.value IS NULL, m.number
    FROM metrics AS m
    JOIN tracked_runs AS t ON t.run = m.run AND t.step = m.step AND t.attempt = m.attempt
    JOIN series AS s ON s.owner = t.key AND s.metric = m.name AND s.labels = m.labels;
DROP TABLE metrics;
CREATE TABLE inputs (              -- datasets of runs
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  owner INTEGER NOT NULL,          -- tracked_runs.key
  dataset INTEGER NOT NULL,        -- datasets.key
  UNIQUE (owner, dataset)
);
CREATE TABLE input_tags (
  owner INTEGER NOT NULL,          -- inputs.key
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE TABLE tracked_artifacts (   -- files that MLflow's clients have uploaded
  path TEXT NOT NULL PRIMARY KEY,  -- 'EXPERIMENT/RUN/artifacts/model/MLmodel'
  sha256 TEXT NOT NULL,            -- in the store of artifacts
  bytes INTEGER NOT NULL,
  written_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE logged_models (       -- as clients of MLflow 3 log them
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  experiment INTEGER NOT NULL,     -- experiments.key
  name TEXT NOT NULL,
  type TEXT NOT NULL,
  status TEXT NOT NULL,            -- PENDING, READY, UPLOAD_FAILED
  source_run TEXT NOT NULL,        -- tracked_runs.id, or ''
  artifact_uri TEXT NOT NULL,
  deleted INTEGER NOT NULL DEFAULT 0,
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL
);
CREATE INDEX logged_models_by_experiment ON logged_models (experiment, created_ms);
CREATE TABLE logged_model_tags (
  owner INTEGER NOT NULL,          -- logged_models.key
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE TABLE logged_model_params (
  owner INTEGER NOT NULL,          -- logged_models.key
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE TABLE logged_model_metrics (  -- the latest of each
  owner INTEGER NOT NULL,          -- logged_models.key
  name TEXT NOT NULL,
  run TEXT NOT NULL,               -- tracked_runs.id: that has logged it
  dataset_name TEXT NOT NULL,
  dataset_digest TEXT NOT NULL,
  time_ms INTEGER NOT NULL,
  step INTEGER NOT NULL,
  value REAL,                      -- NULL: not a number
  PRIMARY KEY (owner, name, run, dataset_name, dataset_digest)
) WITHOUT ROWID;
CREATE TABLE run_models (          -- that a run has used, or made
  owner INTEGER NOT NULL,          -- tracked_runs.key
  made INTEGER NOT NULL,
  model TEXT NOT NULL,             -- logged_models.id
  step INTEGER NOT NULL,
  PRIMARY KEY (owner, made, model)
) WITHOUT ROWID;
)sql";

}  // namespace scanflow::store
