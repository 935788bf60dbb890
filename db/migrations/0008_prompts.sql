-- Prompt texts by version, comparisons of two versions, and what every call came to, for the coverage map.

CREATE TABLE prompt_texts (
  domain TEXT NOT NULL,
  kind TEXT NOT NULL,
  version TEXT NOT NULL,                 -- the start of the SHA-256 of the text, as attempts name it
  text TEXT NOT NULL,
  at REAL NOT NULL,                      -- when it was first saved or used
  PRIMARY KEY (domain, kind, version)
);
CREATE INDEX attempts_by_version ON attempts (prompt_version, outcome, job, ord) WHERE prompt_version IS NOT NULL;

CREATE TABLE comparisons (
  pk INTEGER PRIMARY KEY,
  at REAL NOT NULL,
  domain TEXT NOT NULL,
  kind TEXT NOT NULL,
  version_a TEXT NOT NULL,
  version_b TEXT NOT NULL,
  job_a INTEGER NOT NULL REFERENCES jobs (pk),
  job_b INTEGER NOT NULL REFERENCES jobs (pk)
);

-- Made from the bodies when the map is asked for, and kept: one row for each tool and wording of a trajectory.
CREATE TABLE outcomes (
  tool TEXT NOT NULL,
  template TEXT NOT NULL,                -- the wording of a refusal; empty where the call succeeded
  trajectory INTEGER NOT NULL REFERENCES trajectories (pk),
  PRIMARY KEY (tool, template, trajectory)
) WITHOUT ROWID;
CREATE INDEX outcomes_by_trajectory ON outcomes (trajectory);

CREATE TABLE outcomes_read (
  trajectory INTEGER PRIMARY KEY REFERENCES trajectories (pk),
  revision INTEGER NOT NULL              -- the body that was read
);
