-- Batches, and jobs whose tasks take many requests: rollouts and judgements of episodes.

-- Requests that are handed to an endpoint as one batch. The row and its attempts are written before anything is sent.
CREATE TABLE submissions (
  pk INTEGER PRIMARY KEY,
  job INTEGER NOT NULL REFERENCES jobs (pk),
  mark TEXT NOT NULL UNIQUE,             -- our own name for it; the endpoint keeps it, so an orphan is found by it
  file TEXT,                             -- id of the file of requests
  batch TEXT,                            -- id at the endpoint; NULL: not known to have been made
  asked REAL,                            -- when the endpoint was last asked to make it
  status TEXT,                           -- what the endpoint last said
  created REAL NOT NULL,
  ended REAL
);
CREATE INDEX submissions_open ON submissions (job) WHERE ended IS NULL;

-- Of an attempt in a batch: it is under way although no worker of ours waits for it.
ALTER TABLE attempts ADD COLUMN submission INTEGER REFERENCES submissions (pk);
CREATE INDEX attempts_by_submission ON attempts (submission) WHERE submission IS NOT NULL;

-- Of a request within an episode that is played: agent, tool simulator, user simulator or judge. The row without a role
-- stands for the episode as a whole; its requests have tokens and costs of their own.
ALTER TABLE attempts ADD COLUMN role TEXT;

-- How an episode was played: goal, end, the world's state at the end, every answered call.
CREATE TABLE rollouts (
  trajectory INTEGER PRIMARY KEY REFERENCES trajectories (pk),
  data BLOB NOT NULL                     -- zstd of JSON
);

-- What judges said of episodes, at their end or later. Append-only; a judgement decides nothing.
CREATE TABLE judgements (
  pk INTEGER PRIMARY KEY,
  trajectory INTEGER NOT NULL REFERENCES trajectories (pk),
  revision INTEGER NOT NULL,             -- the body that was judged
  reward REAL,                           -- NULL: invalid, and the verdict says why
  verdict TEXT NOT NULL,                 -- JSON
  asked_by TEXT NOT NULL,                -- the model, or 'rule'
  version TEXT NOT NULL,                 -- of the prompt; empty where none was sent
  job INTEGER REFERENCES jobs (pk),
  ord INTEGER,                           -- the task of the job
  at REAL NOT NULL
);
CREATE INDEX judgements_by_trajectory ON judgements (trajectory, revision, pk);
CREATE INDEX judgements_by_task ON judgements (job, ord) WHERE job IS NOT NULL;
