"""How episodes were played, and what judges said of them. Append-only; a judgement decides nothing."""

import json
import sqlite3
import time
from typing import Any, NamedTuple

from simia_tui.store.codec import pack, unpack


class Judgement(NamedTuple):
    """What one judge said of a body. `reward` None: invalid, and `verdict` says why. `by` is a model, or "rule"."""

    reward: float | None
    verdict: dict[str, Any]
    by: str
    version: str


class Judged(NamedTuple):
    """A judgement and what it is about; `job` and `ord` name the task that asked for it."""

    trajectory: int
    revision: int
    judgement: Judgement
    job: int | None = None
    ord: int | None = None


class Played(NamedTuple):
    """How an episode was played (`record`: JSON with goal, ending, ledger, log), and the judgement at its end."""

    record: dict[str, Any]
    judgement: Judgement


def add_within(db: sqlite3.Connection, judged: Judged) -> None:
    """Adds a judgement as part of a transaction that the caller holds."""
    said = judged.judgement
    db.execute(
        "INSERT INTO judgements (trajectory, revision, reward, verdict, asked_by, version, job, ord, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(judged.trajectory, judged.revision, said.reward, json.dumps(said.verdict, ensure_ascii=False)),
            *(said.by, said.version, judged.job, judged.ord, time.time()),
        ),
    )


def keep_within(
    db: sqlite3.Connection, trajectory: int, played: Played, job: int | None = None, ord_: int | None = None
) -> None:
    """Keeps how an episode was played, with its judgement, as part of a transaction that the caller holds."""
    data = pack(json.dumps(played.record, ensure_ascii=False))
    db.execute("INSERT OR REPLACE INTO rollouts (trajectory, data) VALUES (?, ?)", (trajectory, data))
    add_within(db, Judged(trajectory, 0, played.judgement, job, ord_))


def played(db: sqlite3.Connection, trajectory: int) -> dict[str, Any] | None:
    """How an episode was played; None for one that was not, or of which that is not known."""
    found = db.execute("SELECT data FROM rollouts WHERE trajectory = ?", (trajectory,)).fetchone()
    record: dict[str, Any] | None = json.loads(unpack(found[0])) if found else None
    return record


def judgements(db: sqlite3.Connection, trajectory: int, revision: int | None = None) -> list[Judgement]:
    """What was said of an episode (of one revision), oldest first."""
    found = db.execute(
        "SELECT reward, verdict, asked_by, version FROM judgements WHERE trajectory = ? AND (? IS NULL OR revision = ?)"
        " ORDER BY pk",
        (trajectory, revision, revision),
    ).fetchall()
    return [Judgement(reward, json.loads(verdict), by, version) for reward, verdict, by, version in found]


def lost_by_rule(db: sqlite3.Connection) -> set[int]:
    """The episodes whose reward is 0 by rule: the agent itself ended them, so that nobody had to judge."""
    found = db.execute("SELECT DISTINCT trajectory FROM judgements WHERE asked_by = 'rule' AND reward = 0")
    return {pk for (pk,) in found.fetchall()}


class Agreement(NamedTuple):
    """How often two judges gave the same reward to the same body: `agreed` of `n`."""

    by: str
    other: str
    n: int
    agreed: int


_PAIRS = """
WITH mine AS (
  SELECT trajectory, revision, asked_by AS judge, round(avg(reward)) AS reward FROM judgements
  WHERE job = :job AND reward IS NOT NULL AND asked_by <> 'rule' GROUP BY 1, 2, 3
), others AS (
  SELECT j.trajectory, j.revision, j.asked_by AS judge, round(avg(j.reward)) AS reward
  FROM judgements j JOIN (SELECT DISTINCT trajectory FROM mine) USING (trajectory)
  WHERE j.job IS NOT :job AND j.reward IS NOT NULL AND j.asked_by <> 'rule' GROUP BY 1, 2, 3
  UNION ALL
  SELECT trajectory, revision, verdict ->> '$.second_by', verdict ->> '$.second.reward' FROM judgements
  WHERE job = :job AND verdict ->> '$.second.reward' IS NOT NULL
)
SELECT mine.judge, others.judge, count(*), sum(mine.reward = others.reward)
FROM mine JOIN others USING (trajectory, revision) WHERE mine.judge <> others.judge
GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
"""


def agreements(db: sqlite3.Connection, job: int) -> list[Agreement]:
    """How far the judge of a job agrees with other judges of the same bodies, the most pairs first.

    Of several verdicts of one judge on one body the majority counts.
    """
    return [Agreement(*values) for values in db.execute(_PAIRS, {"job": job}).fetchall()]


def rewards(db: sqlite3.Connection, job: int) -> dict[str, int]:
    """How often the judgements of a job gave each reward; those without one count as `invalid`."""
    found = db.execute(
        "SELECT CASE WHEN reward IS NULL THEN 'invalid' ELSE printf('%g', reward) END, count(*) FROM judgements"
        " WHERE job = ? GROUP BY 1 ORDER BY 1",
        (job,),
    ).fetchall()
    return dict(found)
