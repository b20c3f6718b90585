// What agents remember (engine/control): version 8 of the tables.
#include "engine/store/migrations.hpp"

namespace scanflow::store {

const char kControlTables[] = R"sql(
CREATE TABLE happenings (          -- events that agents may wait for
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  type TEXT NOT NULL,              -- 'drift.noticed'
  source TEXT NOT NULL,            -- 'NAMESPACE/AGENT', ...
  time_us INTEGER NOT NULL,
  depth INTEGER NOT NULL,          -- how many rules have led to it, each by an event
  origin TEXT NOT NULL,            -- who asked for it; two of one are one
  payload TEXT NOT NULL            -- JSON
);
CREATE UNIQUE INDEX happenings_by_origin ON happenings (origin) WHERE origin != '';
CREATE TABLE agent_rules (
  agent TEXT NOT NULL,             -- 'NAMESPACE/NAME'
  rule TEXT NOT NULL,
  trigger_digest TEXT NOT NULL,    -- of the trigger and its configuration: another one begins anew
  trigger_state BLOB NOT NULL,     -- the plugin's own
  strategy_digest TEXT NOT NULL,
  strategy_state BLOB NOT NULL,
  seen INTEGER NOT NULL,           -- happenings.seq
  guard TEXT NOT NULL,             -- JSON: when it asked for something
  PRIMARY KEY (agent, rule)
) WITHOUT ROWID;
CREATE TABLE decisions (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,         -- UUIDv7
  agent TEXT NOT NULL,
  rule TEXT NOT NULL,
  time_us INTEGER NOT NULL,
  mode TEXT NOT NULL,              -- act, recommend, approve
  state TEXT NOT NULL,             -- acting, waiting; or how it ended
  reason TEXT NOT NULL,
  by TEXT NOT NULL,                -- who approved or rejected it
  ended_us INTEGER NOT NULL,       -- 0: not yet
  depth INTEGER NOT NULL,          -- as of happenings
  evidence TEXT NOT NULL,          -- JSON
  actions TEXT NOT NULL            -- JSON, each with what became of it
);
CREATE INDEX decisions_by_agent ON decisions (agent, seq);
CREATE INDEX open_decisions ON decisions (state) WHERE ended_us = 0;
CREATE TABLE paused_agents (
  agent TEXT NOT NULL PRIMARY KEY,
  by TEXT NOT NULL,
  time_us INTEGER NOT NULL
) WITHOUT ROWID;
)sql";

}  // namespace scanflow::store
