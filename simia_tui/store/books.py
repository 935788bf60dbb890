"""Audits the books of a job: what must hold of its tasks, attempts, trajectories and sums, whatever happened."""

import sqlite3
from typing import NamedTuple


class _Rule(NamedTuple):
    says: str
    sql: str


_RESULT = (
    "NOT EXISTS (SELECT 1 FROM trajectories x WHERE x.job = {0}.job AND x.ord = {0}.ord)"
    " AND NOT EXISTS (SELECT 1 FROM screenings s WHERE s.job = {0}.job AND s.ord = {0}.ord AND s.opinion <> 'error')"
    " AND NOT EXISTS (SELECT 1 FROM remakes r WHERE r.job = {0}.job AND r.ord = {0}.ord AND r.proposed IS NOT NULL)"
    " AND NOT EXISTS (SELECT 1 FROM judgements g WHERE g.job = {0}.job AND g.ord = {0}.ord)"
)
"""That a task (or attempt) brought neither a trajectory, nor a verdict, nor a new end, nor a judgement."""

_RULES = (
    _Rule(
        "tasks are done without a result",
        f"SELECT count(*) FROM tasks t WHERE t.job = :job AND t.state = 'done' AND {_RESULT.format('t')}",
    ),
    _Rule(
        "verdicts belong to tasks that are not done",
        "SELECT count(*) FROM screenings s LEFT JOIN tasks t ON t.job = s.job AND t.ord = s.ord"
        " WHERE s.job = :job AND s.opinion <> 'error' AND t.state IS NOT 'done'",
    ),
    _Rule(
        "trajectories belong to tasks that are not done",
        "SELECT count(*) FROM trajectories x LEFT JOIN tasks t ON t.job = x.job AND t.ord = x.ord"
        " WHERE x.job = :job AND t.state IS NOT 'done'",
    ),
    _Rule(
        "tasks have more or fewer than one good attempt for one result",
        "SELECT count(*) FROM tasks t WHERE t.job = :job AND (t.state = 'done') <>"
        " (SELECT count(*) FROM attempts a WHERE a.job = t.job AND a.ord = t.ord"
        " AND a.role IS NULL AND a.outcome = 'ok')",
    ),
    _Rule(
        "good attempts have no result",
        "SELECT count(*) FROM attempts a WHERE a.job = :job AND a.role IS NULL AND a.outcome = 'ok'"
        f" AND {_RESULT.format('a')}",
    ),
    _Rule(
        "tasks are in flight without exactly one open attempt, or have one and are not in flight",
        "SELECT count(*) FROM tasks t WHERE t.job = :job AND (t.state = 'inflight') <>"
        " (SELECT count(*) FROM attempts a WHERE a.job = t.job AND a.ord = t.ord"
        " AND a.role IS NULL AND a.ended IS NULL)",
    ),
    _Rule(
        "requests of an episode are open although nobody plays it",
        "SELECT count(*) FROM attempts a JOIN tasks t ON t.job = a.job AND t.ord = a.ord"
        " WHERE a.job = :job AND a.role IS NOT NULL AND a.ended IS NULL AND t.state <> 'inflight'",
    ),
    _Rule(
        "attempts have ended without an outcome, or have one and no end",
        "SELECT count(*) FROM attempts WHERE job = :job AND (outcome IS NULL) <> (ended IS NULL)",
    ),
    _Rule(
        "results are counted that are not there",
        "SELECT abs(done - (SELECT count(*) FROM tasks WHERE job = :job AND state = 'done')) FROM jobs WHERE pk = :job",
    ),
    _Rule(
        "failures are counted that are not there",
        "SELECT abs(failed - (SELECT count(*) FROM tasks WHERE job = :job AND state = 'failed'))"
        " FROM jobs WHERE pk = :job",
    ),
    _Rule(
        "units of cost are not accounted for by attempts",
        "SELECT abs(coalesce(cost_nano, 0) - (SELECT coalesce(sum(cost_nano), 0) FROM attempts WHERE job = :job))"
        " FROM jobs WHERE pk = :job",
    ),
    _Rule(
        "tokens are not accounted for by attempts",
        "SELECT abs(tokens_in + tokens_out - (SELECT coalesce(sum(coalesce(tokens ->> 'prompt', 0)"
        " + coalesce(tokens ->> 'completion', 0)), 0) FROM attempts WHERE job = :job)) FROM jobs WHERE pk = :job",
    ),
)


def audit(db: sqlite3.Connection, pk: int) -> list[str]:
    """What does not hold of job `pk`, a sentence each; empty when its books are right. Safe while the job runs."""
    problems: list[str] = []
    db.execute("BEGIN")
    try:
        for rule in _RULES:
            found = db.execute(rule.sql, {"job": pk}).fetchone()
            if found and found[0]:
                problems.append(f"{found[0]} {rule.says}")
    finally:
        db.execute("COMMIT")
    return problems


def attempts_made(db: sqlite3.Connection, pk: int) -> int:
    """How many requests of a job have a row."""
    (n,) = db.execute("SELECT count(*) FROM attempts WHERE job = ?", (pk,)).fetchone()
    return int(n)


def results(db: sqlite3.Connection, pk: int) -> dict[int, str]:
    """The id of the trajectory that each task of a job brought."""
    return dict(db.execute("SELECT ord, id FROM trajectories WHERE job = ?", (pk,)).fetchall())
