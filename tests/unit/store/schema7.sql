-- What Scanflow left when its schema was 7: the same as 6, and the tables of experiments and models.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
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
INSERT INTO "actions" VALUES(1,'a1','apps/v1','Deployment','shop','web','scale','{"replicas":3}','d',0,'me',100,30000000,'DONE','2 -> 3','{}',200,300);
CREATE TABLE cache (
  key TEXT PRIMARY KEY,
  run TEXT NOT NULL,
  step TEXT NOT NULL,
  time_us INTEGER NOT NULL,
  outputs TEXT NOT NULL,
  artifacts TEXT NOT NULL
);
INSERT INTO "cache" VALUES('3eb11c2e2d2dff464460d69bec5377df94ce4d0ec6f7006c3a32085000747dd0','01a20ab0-7a70-7ec0-8e89-c7a397223d2e','make',1795475667647400,'{"rows":7}','{"data":{"bytes":4,"directory":true,"path":"/tmp/state/artifacts/trees/84/e3226c31c4ebdef2ee25304cc14e5e3559435b2b9fe093430a9307e1d2cb9a","sha256":"84e3226c31c4ebdef2ee25304cc14e5e3559435b2b9fe093430a9307e1d2cb9a"}}');
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
INSERT INTO "commands" VALUES('c1',1,'check',1,'pause','{}',1,'ann',100,200,'local','','DONE','','',1,2);
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
CREATE TABLE deleted_runs (key INTEGER PRIMARY KEY);
CREATE TABLE document_numbers (    -- outlive the documents: no number is given twice
  kind TEXT NOT NULL,
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  last INTEGER NOT NULL,
  PRIMARY KEY (kind, namespace, name)
) WITHOUT ROWID;
INSERT INTO "document_numbers" VALUES('Pipeline','default','zz',1);
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
CREATE TABLE "events" (
  key INTEGER PRIMARY KEY,         -- runs.key << 32 | seq of the first
  body TEXT NOT NULL               -- JSON, a line for each event
);
INSERT INTO "events" VALUES(4294967297,'{"type":"run_created","time_us":1795475667599934,"data":{"axes":{},"file":"demo.yaml","namespace":"teams","options":{"backend":"local","directory":"/tmp/demo","env":{},"jobs":2,"plugin_dirs":[],"use_cache":true},"params":{},"pipeline":"demo","run":"01a20ab0-7a70-7ec0-8e89-c7a397223d2e","source":"apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: demo, namespace: teams, labels: {team: data}}\nsteps:\n  - name: make\n    uses: command\n    cache: true\n    with:\n      run: |\n        echo \"rows=7\" >> \"$SCANFLOW_OUTPUT\"\n        echo \"loss 0.5 step=1 split=val\" >> \"$SCANFLOW_METRICS\"\n        echo \"loss 0.25 step=2 split=val\" >> \"$SCANFLOW_METRICS\"\n        mkdir -p \"$SCANFLOW_ARTIFACTS/data\"; echo abc > \"$SCANFLOW_ARTIFACTS/data/a\"\n  - name: check\n    needs: [make]\n    uses: command\n    with: {argv: [\"false\"]}\n"}}');
INSERT INTO "events" VALUES(4294967298,'{"type":"step_resolved","time_us":1795475667600966,"step":"make","data":{"cache_key":"3eb11c2e2d2dff464460d69bec5377df94ce4d0ec6f7006c3a32085000747dd0","config":{"run":"echo \"rows=7\" >> \"$SCANFLOW_OUTPUT\"\necho \"loss 0.5 step=1 split=val\" >> \"$SCANFLOW_METRICS\"\necho \"loss 0.25 step=2 split=val\" >> \"$SCANFLOW_METRICS\"\nmkdir -p \"$SCANFLOW_ARTIFACTS/data\"; echo abc > \"$SCANFLOW_ARTIFACTS/data/a\"\n","shell":"bash"},"env":{},"inputs":{}}}
{"type":"attempt_started","time_us":1795475667600975,"step":"make","attempt":1}');
INSERT INTO "events" VALUES(4294967300,'{"type":"attempt_ended","time_us":1795475667647400,"step":"make","attempt":1,"data":{"artifacts":{"data":{"bytes":4,"directory":true,"path":"/tmp/state/artifacts/trees/84/e3226c31c4ebdef2ee25304cc14e5e3559435b2b9fe093430a9307e1d2cb9a","sha256":"84e3226c31c4ebdef2ee25304cc14e5e3559435b2b9fe093430a9307e1d2cb9a"}},"log":{"length":0,"offset":0,"segment":"0.log"},"outputs":{"rows":7},"usage":{"cpu_us":3823,"max_rss":6242304}}}
{"type":"attempt_started","time_us":1795475667649007,"step":"check","attempt":1}
{"type":"attempt_ended","time_us":1795475667655538,"step":"check","attempt":1,"cause":"exit","data":{"exit_code":1,"log":{"length":0,"offset":0,"segment":"0.log"},"message":"exited with status 1","usage":{"cpu_us":820,"max_rss":6242304}}}
{"type":"run_ended","time_us":1795475667655642,"status":"failed"}');
INSERT INTO "events" VALUES(8589934593,'{"type":"run_created","time_us":1795475667727605,"data":{"axes":{},"file":"long.yaml","namespace":"default","options":{"backend":"local","directory":"/tmp/demo","env":{},"jobs":2,"plugin_dirs":[],"use_cache":true},"params":{},"pipeline":"long","run":"01a20ab0-7ad4-7360-bffb-da564dae1196","source":"apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: long}\nsteps:\n  - {name: wait, uses: command, with: {argv: [sleep, \"3\"]}}\n"}}');
INSERT INTO "events" VALUES(8589934594,'{"type":"attempt_started","time_us":1795475667728025,"step":"wait","attempt":1}');
CREATE TABLE experiment_tags (
  owner INTEGER NOT NULL,          -- experiments.key
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE TABLE experiments (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,       -- also of deleted ones
  artifact_location TEXT NOT NULL,
  deleted INTEGER NOT NULL DEFAULT 0,
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL
);
INSERT INTO "experiments" VALUES(0,'Default','mlflow-artifacts:/0',0,0,0);
INSERT INTO "experiments" VALUES(1,'teams/demo','mlflow-artifacts:/1',0,1795475667599,1795475667599);
CREATE TABLE firings (
  pipeline TEXT PRIMARY KEY,       -- NAMESPACE/NAME
  time_us INTEGER NOT NULL,
  problem TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO "firings" VALUES('teams/nightly',1795475600000000,'the group is full');
CREATE TABLE input_tags (
  owner INTEGER NOT NULL,          -- inputs.key
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE TABLE inputs (              -- datasets of runs
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  owner INTEGER NOT NULL,          -- tracked_runs.key
  dataset INTEGER NOT NULL,        -- datasets.key
  UNIQUE (owner, dataset)
);
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
CREATE TABLE logged_model_params (
  owner INTEGER NOT NULL,          -- logged_models.key
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE TABLE logged_model_tags (
  owner INTEGER NOT NULL,          -- logged_models.key
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (owner, key)
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
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "meta" VALUES('schema','6');
INSERT INTO "meta" VALUES('term','0');
CREATE TABLE model_aliases (
  owner INTEGER NOT NULL,          -- registered_models.key
  alias TEXT NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (owner, alias)
) WITHOUT ROWID;
CREATE TABLE model_version_tags (
  owner INTEGER NOT NULL,          -- model_versions.key
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (owner, key)
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
INSERT INTO "model_versions" VALUES(1,1,1,'','','None','scanflow-artifact:/84e3226c31c4ebdef2ee25304cc14e5e3559435b2b9fe093430a9307e1d2cb9a','','','READY','',1795474836207,1795474836207,'84e3226c31c4ebdef2ee25304cc14e5e3559435b2b9fe093430a9307e1d2cb9a','01a20ab0-7a70-7ec0-8e89-c7a397223d2e','make',1,'{"accuracy":0.98}','{}','');
CREATE TABLE points (
  series INTEGER NOT NULL,         -- series.key
  time_us INTEGER NOT NULL,
  step INTEGER NOT NULL,
  value REAL NOT NULL,             -- 0 where it is not a number
  not_a_number INTEGER NOT NULL,
  number INTEGER NOT NULL,         -- of an attempt's metrics; 0: of none
  PRIMARY KEY (series, time_us, step, value, not_a_number, number)
) WITHOUT ROWID;
INSERT INTO "points" VALUES(1,1795475667647233,1,0.5,0,1);
INSERT INTO "points" VALUES(1,1795475667647242,2,0.25,0,2);
CREATE TABLE registered_model_tags (
  owner INTEGER NOT NULL,          -- registered_models.key
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE TABLE registered_models (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  description TEXT NOT NULL DEFAULT '',
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL,
  last_version INTEGER NOT NULL DEFAULT 0  -- that was given: none is given twice
);
INSERT INTO "registered_models" VALUES(1,'cnn','',1795474836207,1795474836207,1);
CREATE TABLE run_models (          -- that a run has used, or made
  owner INTEGER NOT NULL,          -- tracked_runs.key
  made INTEGER NOT NULL,
  model TEXT NOT NULL,             -- logged_models.id
  step INTEGER NOT NULL,
  PRIMARY KEY (owner, made, model)
) WITHOUT ROWID;
CREATE TABLE runs (
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
, events INTEGER NOT NULL DEFAULT 0);
INSERT INTO "runs" VALUES(1,'01a20ab0-7a70-7ec0-8e89-c7a397223d2e','demo','teams','failed','demo.yaml','local','failed: check (exit)',1795475667599934,1795475667655642,2,2,1,'','','','','cli','','',0,0,7);
INSERT INTO "runs" VALUES(2,'01a20ab0-7ad4-7360-bffb-da564dae1196','long','default','running','long.yaml','local','running: 0 of 1 done, 0 running',1795475667727605,0,1,0,0,'','','','','cli','','',0,0,2);
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
INSERT INTO "series" VALUES(1,2,'loss/split:val','loss','{"split":"val"}',2,1795475667647242,0.25);
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
INSERT INTO "steps" VALUES(4294967296,'make','succeeded','command','','',1,1795475667600975,1795475667647400,'{"rows":7}','{"data":{"bytes":4,"directory":true,"path":"/tmp/state/artifacts/trees/84/e3226c31c4ebdef2ee25304cc14e5e3559435b2b9fe093430a9307e1d2cb9a","sha256":"84e3226c31c4ebdef2ee25304cc14e5e3559435b2b9fe093430a9307e1d2cb9a"}}','[{"attempt":1,"length":0,"offset":0,"segment":"0.log"}]');
INSERT INTO "steps" VALUES(4294967297,'check','failed','command','exit','exited with status 1',1,1795475667649007,1795475667655538,'{}','{}','[{"attempt":1,"length":0,"offset":0,"segment":"0.log"}]');
CREATE TABLE tracked_artifacts (   -- files that MLflow's clients have uploaded
  path TEXT NOT NULL PRIMARY KEY,  -- 'EXPERIMENT/RUN/artifacts/model/MLmodel'
  sha256 TEXT NOT NULL,            -- in the store of artifacts
  bytes INTEGER NOT NULL,
  written_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE tracked_params (
  owner INTEGER NOT NULL,          -- tracked_runs.key
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
INSERT INTO "tracked_runs" VALUES(1,'01a20ab07a707ec08e89c7a397223d2e',1,'demo','','FAILED',0,1795475667599,1795475667655,'mlflow-artifacts:/1/01a20ab07a707ec08e89c7a397223d2e/artifacts',1,'',0);
INSERT INTO "tracked_runs" VALUES(2,'ca7fe67a38a82e8879fce506d966dcd9',1,'make','','FAILED',0,1795475667599,1795475667655,'mlflow-artifacts:/1/ca7fe67a38a82e8879fce506d966dcd9/artifacts',1,'make',1);
CREATE TABLE tracked_tags (
  owner INTEGER NOT NULL,          -- tracked_runs.key
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (owner, key)
) WITHOUT ROWID;
INSERT INTO "tracked_tags" VALUES(1,'mlflow.runName','demo');
INSERT INTO "tracked_tags" VALUES(1,'scanflow.run','01a20ab0-7a70-7ec0-8e89-c7a397223d2e');
INSERT INTO "tracked_tags" VALUES(2,'mlflow.parentRunId','01a20ab07a707ec08e89c7a397223d2e');
INSERT INTO "tracked_tags" VALUES(2,'mlflow.runName','make');
INSERT INTO "tracked_tags" VALUES(2,'scanflow.run','01a20ab0-7a70-7ec0-8e89-c7a397223d2e');
INSERT INTO "tracked_tags" VALUES(2,'scanflow.step','make');
CREATE INDEX runs_by_time ON runs (created_us);
CREATE INDEX runs_by_namespace ON runs (namespace, created_us);
CREATE INDEX runs_by_pipeline ON runs (pipeline, created_us);
CREATE INDEX runs_by_status ON runs (status, created_us);
CREATE INDEX runs_by_parent ON runs (parent, created_us);
CREATE INDEX runs_unfinished ON runs (created_us) WHERE ended_us = 0;
CREATE INDEX cache_by_time ON cache (time_us);
CREATE INDEX commands_by_run ON commands (run, issued_us);
CREATE INDEX commands_open ON commands (issued_us) WHERE outcome = '';
CREATE INDEX actions_by_object ON actions (kind, name, namespace, key);
CREATE INDEX actions_open ON actions (key) WHERE outcome = '';
CREATE INDEX tracked_runs_by_experiment ON tracked_runs (experiment, started_ms);
CREATE UNIQUE INDEX tracked_runs_of_runs ON tracked_runs (run, step, attempt) WHERE run != 0;
CREATE INDEX series_by_name ON series (owner, name);
CREATE INDEX model_versions_by_tracked_run ON model_versions (run_id) WHERE run_id != '';
CREATE UNIQUE INDEX model_versions_by_source ON model_versions (run, step, attempt, owner, sha256)
  WHERE run != '';
CREATE INDEX logged_models_by_experiment ON logged_models (experiment, created_ms);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('runs',2);
INSERT INTO "sqlite_sequence" VALUES('actions',1);
INSERT INTO "sqlite_sequence" VALUES('experiments',1);
INSERT INTO "sqlite_sequence" VALUES('registered_models',1);
INSERT INTO "sqlite_sequence" VALUES('model_versions',1);
INSERT INTO "sqlite_sequence" VALUES('tracked_runs',2);
INSERT INTO "sqlite_sequence" VALUES('series',1);
COMMIT;
PRAGMA application_id = 1397115991;
PRAGMA user_version = 7;
