-- What the prefilter said of seeds. Append-only; the latest row of the body that counts is the one on show.

CREATE TABLE screenings (
  pk INTEGER PRIMARY KEY,
  trajectory INTEGER NOT NULL REFERENCES trajectories (pk),
  revision INTEGER NOT NULL,             -- the body that was judged
  sha TEXT NOT NULL,                     -- content hash of all that was judged
  asked_by TEXT NOT NULL,                -- the model, or 'rules'
  version TEXT NOT NULL,                 -- of the prompt; empty where none was sent
  opinion TEXT NOT NULL CHECK (opinion IN ('pass', 'fail', 'error')),
  verdict TEXT NOT NULL,                 -- JSON: the answers with their reasons, the evidence
  job INTEGER REFERENCES jobs (pk),
  ord INTEGER,                           -- the task of the job; null where nothing was asked
  at REAL NOT NULL
);
CREATE INDEX screenings_by_trajectory ON screenings (trajectory, revision, pk);
CREATE INDEX screenings_by_sha ON screenings (sha);
CREATE INDEX screenings_by_task ON screenings (job, ord) WHERE job IS NOT NULL;
