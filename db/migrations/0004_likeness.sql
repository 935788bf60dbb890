-- Near-duplicates: the signature of a trajectory, and one number per band that near ones share.

CREATE TABLE signatures (
  trajectory INTEGER PRIMARY KEY REFERENCES trajectories (pk) ON DELETE CASCADE,
  version INTEGER NOT NULL,              -- signatures of another version are made anew
  digest TEXT NOT NULL,                  -- of the text without digits
  bins BLOB NOT NULL                     -- 128 unsigned 32-bit integers
);

CREATE TABLE bands (
  hash INTEGER NOT NULL,
  trajectory INTEGER NOT NULL REFERENCES signatures (trajectory) ON DELETE CASCADE,
  PRIMARY KEY (hash, trajectory)
) WITHOUT ROWID;

ALTER TABLE jobs ADD COLUMN copies INTEGER NOT NULL DEFAULT 0;  -- results that are near-duplicates
