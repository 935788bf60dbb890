-- Which rollout of a training run an episode is: what the policy played at a step, as a member of a group.
CREATE TABLE practised (
  trajectory INTEGER PRIMARY KEY REFERENCES trajectories (pk),
  run INTEGER NOT NULL REFERENCES runs (pk),
  step INTEGER NOT NULL,
  "group" INTEGER NOT NULL,
  member INTEGER NOT NULL,
  reward REAL,                           -- what the trainer took; NULL: invalid, and it left its group
  advantage REAL NOT NULL
);
CREATE INDEX practised_by_run ON practised (run, step);
