-- Generation at scale: what is estimated, what is reserved, when a paused job goes on by itself, and a job's story.

ALTER TABLE jobs ADD COLUMN estimated_nano INTEGER NOT NULL DEFAULT 0;  -- the part of cost_nano that is estimated
ALTER TABLE jobs ADD COLUMN tokens_cached INTEGER NOT NULL DEFAULT 0;   -- the part of tokens_in read from a cache
ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;        -- the highest is worked on first
ALTER TABLE jobs ADD COLUMN resume_at REAL;                             -- a paused job that goes on at this time

-- The most that the request can cost; what is booked if its answer is never recorded.
ALTER TABLE attempts ADD COLUMN reserved_nano INTEGER;

CREATE TABLE job_log (
  pk INTEGER PRIMARY KEY,
  job INTEGER NOT NULL REFERENCES jobs (pk),
  at REAL NOT NULL,
  text TEXT NOT NULL
);
CREATE INDEX job_log_by_job ON job_log (job, pk);
