"""Where trajectories come from: what an export's manifest and `members.jsonl` say."""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

_CHUNK = 5000


def _chunks(pks: Sequence[int]) -> Iterator[tuple[str, list[int]]]:
    for start in range(0, len(pks), _CHUNK):
        part = list(pks[start : start + _CHUNK])
        yield ",".join("?" * len(part)), part


def demo_count(db: sqlite3.Connection, pks: Sequence[int]) -> int:
    """How many of `pks` the demo model made."""
    return _count(db, pks, "demo")


def broken_count(db: sqlite3.Connection, pks: Sequence[int]) -> int:
    """How many of `pks` have a finding of severity error that stands."""
    return _count(db, pks, "verdict = 'broken'")


def _count(db: sqlite3.Connection, pks: Sequence[int], condition: str) -> int:
    total = 0
    for marks, part in _chunks(pks):
        sql = f"SELECT count(*) FROM trajectories WHERE {condition} AND pk IN ({marks})"
        total += db.execute(sql, part).fetchone()[0]
    return total


def member(db: sqlite3.Connection, pk: int) -> dict[str, Any]:
    """The lineage of one row: ids, revision, kind, domain, seed, job, task, source file, place in a run, demo."""
    found = db.execute(
        "SELECT t.pk, t.id, t.revision, t.kind, t.domain, t.status, s.id, t.job, t.ord, t.path, t.row,"
        ' r.run, r.step, r."group", r.member, t.demo FROM trajectories t'
        " LEFT JOIN trajectories s ON s.pk = t.seed LEFT JOIN practised r ON r.trajectory = t.pk WHERE t.pk = ?",
        (pk,),
    ).fetchone()
    names = (
        *("pk", "id", "revision", "kind", "domain", "status", "seed", "job", "ord", "path", "row"),
        *("run", "step", "group", "member", "demo"),
    )
    return {**dict(zip(names, found, strict=True)), "demo": bool(found[-1])}


_SUMMARIES = {
    "domains": "SELECT t.domain, count(*) FROM trajectories t WHERE t.pk IN ({}) GROUP BY 1",
    "kinds": "SELECT t.kind, count(*) FROM trajectories t WHERE t.pk IN ({}) GROUP BY 1",
    "verdicts": "SELECT t.verdict, count(*) FROM trajectories t WHERE t.pk IN ({}) GROUP BY 1",
    "jobs": "SELECT 'job ' || t.job, count(*) FROM trajectories t WHERE t.job IS NOT NULL AND t.pk IN ({}) GROUP BY 1",
    "runs": "SELECT 'run ' || r.run, count(*) FROM practised r WHERE r.trajectory IN ({}) GROUP BY 1",
    "models": "SELECT a.model, count(*) FROM trajectories t JOIN attempts a ON a.job = t.job AND a.ord = t.ord"
    " WHERE a.outcome = 'ok' AND t.pk IN ({}) GROUP BY 1",
    "prompt_versions": "SELECT a.prompt_version, count(*) FROM trajectories t JOIN attempts a ON a.job = t.job"
    " AND a.ord = t.ord WHERE a.outcome = 'ok' AND t.pk IN ({}) GROUP BY 1",
    "reviewers": "SELECT b.reviewer, count(*) FROM trajectories t JOIN decisions d ON d.trajectory = t.pk"
    " JOIN batches b ON b.pk = d.batch WHERE d.pk = (SELECT max(l.pk) FROM decisions l WHERE l.trajectory = t.pk)"
    " AND t.pk IN ({}) GROUP BY 1",
}


def summary(db: sqlite3.Connection, pks: Sequence[int]) -> dict[str, dict[str, int]]:
    """Counts over `pks` by domain, kind, verdict, job, run, model, prompt version and last reviewer."""
    totals: dict[str, dict[str, int]] = {}
    for name, sql in _SUMMARIES.items():
        counts: dict[str, int] = {}
        for marks, part in _chunks(pks):
            for key, n in db.execute(sql.format(marks), part).fetchall():
                counts[str(key)] = counts.get(str(key), 0) + n
        totals[name] = dict(sorted(counts.items()))
    return totals
