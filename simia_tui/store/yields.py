"""What became of everything that was generated, with reasons."""

import sqlite3
from typing import NamedTuple

_REFUSED_RULES = (
    "SELECT f.rule, count(DISTINCT t.pk) FROM trajectories t"
    " JOIN findings f ON f.trajectory = t.pk AND f.revision = t.revision"
    " WHERE t.kind = 'episode' AND t.verdict = 'broken' AND f.severity = 'error' AND NOT f.repaired"
    " GROUP BY f.rule ORDER BY 2 DESC, 1"
)


class Yield(NamedTuple):
    """Counts from the tasks asked for to the episodes kept. An episode may break several `rules`; a rejection without a
    reason has the fault None."""

    tasks: int
    failed: list[tuple[str, int]]
    episodes: int
    broken: int
    rules: list[tuple[str, int]]
    rejected: int
    faults: list[tuple[str | None, int]]
    waiting: int
    approved: int


def yields(db: sqlite3.Connection) -> Yield:
    """The way from tasks to kept episodes over all jobs; imported episodes count from the stage `episodes` on."""
    (tasks,) = db.execute("SELECT coalesce(sum(target), 0) FROM jobs").fetchone()
    failed = db.execute(
        "SELECT coalesce((SELECT a.outcome FROM attempts a WHERE a.job = k.job AND a.ord = k.ord ORDER BY a.n DESC"
        " LIMIT 1), 'unknown'), count(*) FROM tasks k WHERE k.state = 'failed' GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall()
    statuses = dict(db.execute("SELECT status, count(*) FROM trajectories WHERE kind = 'episode' GROUP BY status"))
    (broken,) = db.execute("SELECT count(*) FROM trajectories WHERE kind = 'episode' AND verdict = 'broken'").fetchone()
    faults = db.execute(
        "SELECT fault, count(*) FROM trajectories"
        " WHERE kind = 'episode' AND status = 'rejected' GROUP BY fault ORDER BY 2 DESC, 1"
    ).fetchall()
    return Yield(
        tasks=int(tasks),
        failed=failed,
        episodes=sum(statuses.values()),
        broken=int(broken),
        rules=db.execute(_REFUSED_RULES).fetchall(),
        rejected=statuses.get("rejected", 0),
        faults=faults,
        waiting=statuses.get("pending", 0) + statuses.get("flagged", 0),
        approved=statuses.get("approved", 0),
    )


class Failed(NamedTuple):
    """Tasks of a job that failed for one reason; `ord` is the first of them."""

    why: str
    n: int
    ord: int


def failures(db: sqlite3.Connection, job: int, limit: int) -> list[Failed]:
    """Why tasks of a job failed, the most frequent reason first."""
    found = db.execute(
        "SELECT coalesce(why, 'no reason is known'), count(*), min(ord) FROM tasks WHERE job = ? AND state = 'failed'"
        " GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?",
        (job, limit),
    ).fetchall()
    return [Failed._make(values) for values in found]


def statuses(db: sqlite3.Connection, job: int) -> dict[str, int]:
    """How many episodes of a job have each status."""
    return dict(
        db.execute("SELECT status, count(*) FROM trajectories WHERE job = ? GROUP BY status", (job,)).fetchall()
    )
