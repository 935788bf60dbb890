-- The first schema. Times are seconds since 1970 (UTC); costs are whole numbers of 1e-9 USD.
-- What is listed or filtered is an indexed column; the body of a trajectory is one zstd blob in a table of its own.

CREATE TABLE policies (
  pk INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,               -- SHA-256 of the text
  text TEXT NOT NULL
);

CREATE TABLE tools (
  pk INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,               -- SHA-256 of the canonical JSON of the spec
  name TEXT NOT NULL,
  spec TEXT NOT NULL                     -- JSON: name, description, parameters, extra
);

CREATE TABLE toolsets (
  pk INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,               -- SHA-256 over the ids of its tools, in order
  tools TEXT NOT NULL                    -- JSON array of tools.pk
);

CREATE TABLE trajectories (
  pk INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,               -- SHA-256 of the canonical JSON
  kind TEXT NOT NULL CHECK (kind IN ('seed', 'episode')),
  source TEXT NOT NULL CHECK (source IN ('import', 'synthetic', 'rollout')),
  status TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'approved', 'rejected', 'flagged')),
  fault TEXT,
  verdict TEXT NOT NULL CHECK (verdict IN ('clean', 'repaired', 'warned', 'broken')),
  revision INTEGER NOT NULL DEFAULT 0,   -- the body that counts
  domain TEXT NOT NULL,
  title TEXT NOT NULL,
  policy INTEGER REFERENCES policies (pk),
  toolset INTEGER REFERENCES toolsets (pk),
  turns INTEGER NOT NULL,
  calls INTEGER NOT NULL,
  observations INTEGER NOT NULL,
  errors INTEGER NOT NULL,
  words INTEGER NOT NULL,
  findings INTEGER NOT NULL,
  demo INTEGER NOT NULL DEFAULT 0,
  format TEXT,                           -- of an import
  path TEXT,
  row INTEGER,
  seed INTEGER REFERENCES trajectories (pk),
  job INTEGER REFERENCES jobs (pk),
  ord INTEGER,                           -- the task of the job
  created REAL NOT NULL
);
CREATE INDEX trajectories_by_status ON trajectories (kind, status, pk);
CREATE INDEX trajectories_by_verdict ON trajectories (kind, verdict, pk);
CREATE INDEX trajectories_by_domain ON trajectories (kind, domain, pk);
CREATE INDEX trajectories_by_seed ON trajectories (seed) WHERE seed IS NOT NULL;
CREATE UNIQUE INDEX trajectories_by_task ON trajectories (job, ord) WHERE job IS NOT NULL;

CREATE INDEX trajectories_of_demo ON trajectories (pk) WHERE demo;

CREATE TABLE bodies (
  trajectory INTEGER NOT NULL REFERENCES trajectories (pk),
  revision INTEGER NOT NULL,             -- 0 is what came in and is never overwritten
  author TEXT NOT NULL,                  -- 'source', 'rules' or a reviewer
  at REAL NOT NULL,
  data BLOB NOT NULL,                    -- zstd of JSON: turns, meta
  UNIQUE (trajectory, revision)
);

CREATE TABLE trajectory_tools (
  tool TEXT NOT NULL,
  trajectory INTEGER NOT NULL REFERENCES trajectories (pk),
  calls INTEGER NOT NULL,
  PRIMARY KEY (tool, trajectory)
) WITHOUT ROWID;
CREATE INDEX trajectory_tools_by_trajectory ON trajectory_tools (trajectory);

CREATE TABLE findings (
  trajectory INTEGER NOT NULL REFERENCES trajectories (pk),
  revision INTEGER NOT NULL,
  n INTEGER NOT NULL,
  rule TEXT NOT NULL,
  severity TEXT NOT NULL,
  turn INTEGER,
  call INTEGER,
  repaired INTEGER NOT NULL DEFAULT 0,
  message TEXT NOT NULL,
  before TEXT,
  PRIMARY KEY (trajectory, revision, n)
) WITHOUT ROWID;
CREATE INDEX findings_by_rule ON findings (rule, trajectory, revision);

-- User and assistant text of the body that counts; rowid = trajectories.pk. The text itself stays in the body.
CREATE VIRTUAL TABLE search USING fts5 (text, content = '', detail = 'full');

CREATE TABLE batches (
  pk INTEGER PRIMARY KEY,
  at REAL NOT NULL,
  reviewer TEXT NOT NULL,
  action TEXT NOT NULL,                  -- approve, reject, flag, reset, edit, undo, redo
  target INTEGER REFERENCES batches (pk), -- of an undo or redo
  undone INTEGER NOT NULL DEFAULT 0,
  size INTEGER NOT NULL
);
CREATE INDEX batches_by_reviewer ON batches (reviewer, pk);

-- Append-only. One row a trajectory and act; a bulk act is one batch of many rows.
CREATE TABLE decisions (
  pk INTEGER PRIMARY KEY,
  batch INTEGER NOT NULL REFERENCES batches (pk),
  trajectory INTEGER NOT NULL REFERENCES trajectories (pk),
  note TEXT,
  before_status TEXT NOT NULL,
  before_fault TEXT,
  before_revision INTEGER NOT NULL,
  after_status TEXT NOT NULL,
  after_fault TEXT,
  after_revision INTEGER NOT NULL
);
CREATE INDEX decisions_by_batch ON decisions (batch);
CREATE INDEX decisions_by_trajectory ON decisions (trajectory);

CREATE TABLE imports (
  pk INTEGER PRIMARY KEY,
  at REAL NOT NULL,
  path TEXT NOT NULL,
  format TEXT NOT NULL,
  kind TEXT NOT NULL,
  added INTEGER NOT NULL DEFAULT 0,
  duplicates INTEGER NOT NULL DEFAULT 0,
  quarantined INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE quarantine (
  pk INTEGER PRIMARY KEY,
  import INTEGER NOT NULL REFERENCES imports (pk),
  row INTEGER NOT NULL,                  -- from 1
  reason TEXT NOT NULL,
  raw TEXT NOT NULL                      -- the start of what was read
);
CREATE INDEX quarantine_by_import ON quarantine (import);

CREATE TABLE jobs (
  pk INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  spec TEXT NOT NULL,                    -- JSON, frozen when the job is made
  status TEXT NOT NULL DEFAULT 'queued',
  desired TEXT NOT NULL DEFAULT 'running' CHECK (desired IN ('running', 'paused', 'cancelled')),
  reason TEXT,
  demo INTEGER NOT NULL,
  target INTEGER NOT NULL,
  done INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  tokens_in INTEGER NOT NULL DEFAULT 0,
  tokens_out INTEGER NOT NULL DEFAULT 0,
  cost_nano INTEGER,                     -- NULL: the price is not known
  created REAL NOT NULL,
  started REAL,
  ended REAL,
  heartbeat REAL,
  worker INTEGER                         -- process id
);

CREATE TABLE tasks (
  job INTEGER NOT NULL REFERENCES jobs (pk),
  ord INTEGER NOT NULL,
  seed INTEGER NOT NULL REFERENCES trajectories (pk),
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'inflight', 'done', 'failed')),
  tries INTEGER NOT NULL DEFAULT 0,      -- requests that count towards the cap
  next_at REAL NOT NULL DEFAULT 0,
  why TEXT,
  PRIMARY KEY (job, ord)
) WITHOUT ROWID;
CREATE INDEX tasks_by_state ON tasks (job, state, next_at, ord);

-- The row is written before the request is sent; its end goes in with the result, in one transaction.
CREATE TABLE attempts (
  pk INTEGER PRIMARY KEY,
  job INTEGER NOT NULL,
  ord INTEGER NOT NULL,
  n INTEGER NOT NULL,
  outcome TEXT,
  status_code INTEGER,
  model TEXT,
  response_id TEXT,
  prompt_sha TEXT,
  prompt_version TEXT,
  params TEXT,
  tokens TEXT,                           -- JSON: prompt, completion, cached, reasoning, estimated
  cost_nano INTEGER,
  latency_ms INTEGER,
  started REAL NOT NULL,
  ended REAL,
  message TEXT,
  raw BLOB,                              -- zstd of the reply as received
  UNIQUE (job, ord, n),
  FOREIGN KEY (job, ord) REFERENCES tasks (job, ord)
);
CREATE INDEX attempts_open ON attempts (job) WHERE ended IS NULL;
CREATE INDEX attempts_by_response ON attempts (response_id) WHERE response_id IS NOT NULL;

CREATE TABLE exports (
  pk INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  path TEXT NOT NULL UNIQUE,
  sha256 TEXT NOT NULL,
  rows INTEGER NOT NULL,
  demo INTEGER NOT NULL,
  manifest TEXT NOT NULL,
  created REAL NOT NULL
);

CREATE TABLE export_rows (
  export INTEGER NOT NULL REFERENCES exports (pk),
  n INTEGER NOT NULL,
  trajectory INTEGER NOT NULL REFERENCES trajectories (pk),
  revision INTEGER NOT NULL,
  PRIMARY KEY (export, n)
) WITHOUT ROWID;
CREATE INDEX export_rows_by_trajectory ON export_rows (trajectory);

CREATE TABLE runs (
  pk INTEGER PRIMARY KEY,
  export INTEGER NOT NULL REFERENCES exports (pk),
  spec TEXT NOT NULL,
  path TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'queued',
  desired TEXT NOT NULL DEFAULT 'run' CHECK (desired IN ('run', 'stop')),
  reason TEXT,
  step INTEGER NOT NULL DEFAULT 0,
  max_steps INTEGER,
  loss REAL,
  result TEXT,
  pid INTEGER,
  created REAL NOT NULL,
  queued REAL,                           -- of the latest resume
  started REAL,
  ended REAL,
  heartbeat REAL
);

CREATE TABLE metrics (
  run INTEGER NOT NULL REFERENCES runs (pk),
  step INTEGER NOT NULL,
  loss REAL,
  "values" TEXT NOT NULL,                -- JSON: learning rate, grad norm, accuracy ...
  at REAL NOT NULL,
  PRIMARY KEY (run, step)
) WITHOUT ROWID;
