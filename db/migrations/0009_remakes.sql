-- What is written anew at a reviewer's wish: the end of an episode from a turn on, or a fresh episode in its place.

CREATE TABLE remakes (
  pk INTEGER PRIMARY KEY,
  job INTEGER NOT NULL REFERENCES jobs (pk),
  ord INTEGER NOT NULL,                  -- the task of the job
  trajectory INTEGER NOT NULL REFERENCES trajectories (pk),
  revision INTEGER NOT NULL,             -- the body that counted when it was asked for
  turn INTEGER,                          -- the first turn that is written anew; NULL: a fresh episode from its seed
  why TEXT,                              -- what was wrong, as the simulator is told
  reviewer TEXT NOT NULL,
  at REAL NOT NULL,
  proposed INTEGER,                      -- the revision that holds the answer, once it is there
  batch INTEGER REFERENCES batches (pk), -- the decision on the answer; its undo opens the question again
  taken TEXT CHECK (taken IN ('old', 'new', 'mixed')),
  withdrawn REAL,                        -- when it was no longer wanted
  UNIQUE (job, ord)
);
CREATE INDEX remakes_by_trajectory ON remakes (trajectory, pk);
CREATE INDEX remakes_by_batch ON remakes (batch) WHERE batch IS NOT NULL;

-- A deck's outcome with a job: the masked turns are written anew as well.
ALTER TABLE deck_outcomes ADD COLUMN job INTEGER REFERENCES jobs (pk);

-- How a reviewer likes to have things shown.
CREATE TABLE habits (
  reviewer TEXT NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (reviewer, name)
) WITHOUT ROWID;
