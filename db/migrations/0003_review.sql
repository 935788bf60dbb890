-- The review workbench: error cards, certificates, several reviewers, views. Only new tables.
-- Logs are append-only; `undone` takes an entry back without losing it.

CREATE TABLE decks (
  pk INTEGER PRIMARY KEY,
  at REAL NOT NULL,
  reviewer TEXT NOT NULL,
  filter TEXT NOT NULL,                  -- the line that chose the episodes
  random_seed INTEGER NOT NULL,
  report TEXT NOT NULL                   -- JSON: simulated against real as it stood when the deck was drawn
);
CREATE INDEX decks_by_reviewer ON decks (reviewer, pk);

CREATE TABLE cards (
  deck INTEGER NOT NULL REFERENCES decks (pk),
  n INTEGER NOT NULL,                    -- order of the deck, from 0
  kind TEXT NOT NULL CHECK (kind IN ('error', 'hidden', 'control')),
  trajectory INTEGER NOT NULL REFERENCES trajectories (pk),
  revision INTEGER NOT NULL,             -- the body that was judged
  turn INTEGER NOT NULL,                 -- of the observation
  call_turn INTEGER NOT NULL,
  call INTEGER NOT NULL,
  tool TEXT NOT NULL,
  template TEXT NOT NULL,
  why TEXT,                              -- what the rules say of a hidden success
  near INTEGER REFERENCES trajectories (pk), -- the nearest real observation
  near_revision INTEGER,
  near_turn INTEGER,
  PRIMARY KEY (deck, n)
) WITHOUT ROWID;
CREATE INDEX cards_by_trajectory ON cards (trajectory);
CREATE INDEX cards_by_near ON cards (near);

CREATE TABLE card_verdicts (
  pk INTEGER PRIMARY KEY,
  deck INTEGER NOT NULL,
  card INTEGER NOT NULL,
  at REAL NOT NULL,
  reviewer TEXT NOT NULL,
  verdict TEXT NOT NULL,
  seconds REAL,                          -- how long the card was in view
  undone INTEGER NOT NULL DEFAULT 0,
  FOREIGN KEY (deck, card) REFERENCES cards (deck, n)
);
CREATE INDEX card_verdicts_by_card ON card_verdicts (deck, card, pk);

CREATE TABLE deck_outcomes (
  pk INTEGER PRIMARY KEY,
  deck INTEGER NOT NULL REFERENCES decks (pk),
  at REAL NOT NULL,
  reviewer TEXT NOT NULL,
  action TEXT NOT NULL CHECK (action IN ('exclude', 'mask')),
  batch INTEGER REFERENCES batches (pk), -- of an exclusion; its undo counts here too
  size INTEGER NOT NULL,
  undone INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX deck_outcomes_by_deck ON deck_outcomes (deck);

-- Turns that are not trained on, although the trajectory is.
CREATE TABLE masks (
  pk INTEGER PRIMARY KEY,
  trajectory INTEGER NOT NULL REFERENCES trajectories (pk),
  revision INTEGER NOT NULL,
  turn INTEGER NOT NULL,
  reason TEXT NOT NULL,
  reviewer TEXT NOT NULL,
  at REAL NOT NULL,
  outcome INTEGER REFERENCES deck_outcomes (pk),
  lifted REAL                            -- when it was taken back
);
CREATE INDEX masks_by_trajectory ON masks (trajectory) WHERE lifted IS NULL;
CREATE INDEX masks_by_outcome ON masks (outcome);

CREATE TABLE certificates (
  pk INTEGER PRIMARY KEY,
  at REAL NOT NULL,
  reviewer TEXT NOT NULL,
  kind TEXT NOT NULL,
  filter TEXT NOT NULL,
  random_seed INTEGER NOT NULL,
  size INTEGER NOT NULL,                 -- rows of the batch
  sample INTEGER NOT NULL,               -- rows that were drawn
  method TEXT NOT NULL CHECK (method IN ('wilson', 'exact', 'hypergeometric')),
  max_share REAL,                        -- the share of bad rows asked for; NULL: no bad row at all
  allowed INTEGER NOT NULL,              -- the bad rows that this leaves room for
  state TEXT NOT NULL DEFAULT 'sampling' CHECK (state IN ('sampling', 'ready', 'refused', 'applied')),
  bad INTEGER,                           -- what was found, once it is not sampling
  bound REAL,
  batch INTEGER REFERENCES batches (pk)
);

CREATE TABLE certificate_rows (
  certificate INTEGER NOT NULL REFERENCES certificates (pk),
  trajectory INTEGER NOT NULL REFERENCES trajectories (pk),
  revision INTEGER NOT NULL,             -- when it was drawn
  place INTEGER,                         -- in the sample, from 0; NULL: not in it
  PRIMARY KEY (certificate, trajectory)
) WITHOUT ROWID;
CREATE INDEX certificate_rows_by_trajectory ON certificate_rows (trajectory);

-- How many reviewers must judge a trajectory, each blind to the others, before its status changes.
CREATE TABLE overlaps (
  trajectory INTEGER PRIMARY KEY REFERENCES trajectories (pk),
  needed INTEGER NOT NULL CHECK (needed > 0)
);

CREATE TABLE claims (
  trajectory INTEGER NOT NULL REFERENCES trajectories (pk),
  reviewer TEXT NOT NULL,
  until REAL NOT NULL,
  PRIMARY KEY (trajectory, reviewer)
) WITHOUT ROWID;
CREATE INDEX claims_by_reviewer ON claims (reviewer);

CREATE TABLE opinions (
  pk INTEGER PRIMARY KEY,
  trajectory INTEGER NOT NULL REFERENCES trajectories (pk),
  revision INTEGER NOT NULL,
  reviewer TEXT NOT NULL,
  verdict TEXT NOT NULL CHECK (verdict IN ('approve', 'reject', 'flag')),
  fault TEXT,
  note TEXT,
  at REAL NOT NULL,
  seconds REAL,
  undone INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX opinions_by_trajectory ON opinions (trajectory);
CREATE INDEX opinions_by_reviewer ON opinions (reviewer, pk);

CREATE TABLE views (
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  line TEXT NOT NULL,
  reviewer TEXT NOT NULL,
  at REAL NOT NULL,
  PRIMARY KEY (kind, name)
) WITHOUT ROWID;

CREATE TABLE places (
  reviewer TEXT NOT NULL,
  kind TEXT NOT NULL,
  line TEXT NOT NULL,
  trajectory INTEGER REFERENCES trajectories (pk),
  turn INTEGER,
  at REAL NOT NULL,
  PRIMARY KEY (reviewer, kind)
) WITHOUT ROWID;
