"""Where trajectories come from, and what came of them."""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from simia_tui.model import Status, Usage

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


_MEMBER = (
    *("pk", "id", "revision", "kind", "domain", "status", "seed", "job", "ord", "path", "row"),
    *("run", "step", "group", "member", "demo"),
)


def members(db: sqlite3.Connection, pks: Sequence[int]) -> list[dict[str, Any]]:
    """The lineage of each row: ids, revision, kind, domain, seed, job, task, source file, place in a run, demo."""
    marks = ",".join("?" * len(pks))
    cursor = db.execute(
        "SELECT t.pk, t.id, t.revision, t.kind, t.domain, t.status, s.id, t.job, t.ord, t.path, t.row,"
        ' r.run, r.step, r."group", r.member, t.demo FROM trajectories t'
        " LEFT JOIN trajectories s ON s.pk = t.seed LEFT JOIN practised r ON r.trajectory = t.pk"
        f" WHERE t.pk IN ({marks})",
        list(pks),
    )
    found = {pk: dict(zip(_MEMBER, (pk, *values, bool(demo)), strict=True)) for pk, *values, demo in cursor}
    return [found[pk] for pk in pks]


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
    "new_ends": "SELECT a.model || ', job ' || r.job, count(*) FROM remakes r JOIN batches b ON b.pk = r.batch"
    " JOIN attempts a ON a.job = r.job AND a.ord = r.ord WHERE NOT b.undone AND r.taken <> 'old' AND a.outcome = 'ok'"
    " AND r.trajectory IN ({}) GROUP BY 1",
    "reviewers": "SELECT b.reviewer, count(*) FROM trajectories t JOIN decisions d ON d.trajectory = t.pk"
    " JOIN batches b ON b.pk = d.batch WHERE d.pk = (SELECT max(l.pk) FROM decisions l WHERE l.trajectory = t.pk)"
    " AND t.pk IN ({}) GROUP BY 1",
}


def summary(db: sqlite3.Connection, pks: Sequence[int]) -> dict[str, dict[str, int]]:
    """Counts over `pks` by domain, kind, verdict, job, run, model, prompt version, new end taken, and last reviewer."""
    totals: dict[str, dict[str, int]] = {}
    for name, sql in _SUMMARIES.items():
        counts: dict[str, int] = {}
        for marks, part in _chunks(pks):
            for key, n in db.execute(sql.format(marks), part).fetchall():
                counts[str(key)] = counts.get(str(key), 0) + n
        totals[name] = dict(sorted(counts.items()))
    return totals


class Yield(NamedTuple):
    """What a seed has brought: its episodes by status, the requests made with it, and their cost (None: not known)."""

    statuses: dict[Status, int]
    requests: int
    cost_nano: int | None

    @property
    def episodes(self) -> int:
        return sum(self.statuses.values())

    @property
    def per_kept_nano(self) -> int | None:
        """The cost of everything asked with the seed for each episode that was approved; None where none was."""
        kept = self.statuses.get(Status.APPROVED, 0)
        return None if not kept or self.cost_nano is None else self.cost_nano // kept


def yield_of(db: sqlite3.Connection, seed: int) -> Yield:
    """What came of a seed."""
    found = db.execute(
        "SELECT status, count(*) FROM trajectories WHERE seed = ? AND kind = 'episode' GROUP BY status", (seed,)
    ).fetchall()
    requests, cost, known = db.execute(
        "SELECT count(*), sum(a.cost_nano), count(a.cost_nano) FROM tasks k JOIN jobs j ON j.pk = k.job"
        " JOIN attempts a ON a.job = k.job AND a.ord = k.ord WHERE k.seed = ? AND j.kind = 'synthesize'",
        (seed,),
    ).fetchone()
    return Yield({Status(status): n for status, n in found}, requests, cost if known else None)


class Answer(NamedTuple):
    """The attempt that brought an episode or a new end."""

    n: int
    model: str | None
    prompt_version: str | None
    prompt_sha: str | None
    response_id: str | None
    usage: Usage
    cost_nano: int | None
    latency_ms: int | None
    ended: float | None


def answer(db: sqlite3.Connection, job: int, ord_: int) -> Answer | None:
    """The good attempt of a task; None where it has none."""
    found = db.execute(
        "SELECT n, model, prompt_version, prompt_sha, response_id, tokens, cost_nano, latency_ms, ended FROM attempts"
        " WHERE job = ? AND ord = ? AND outcome = 'ok' ORDER BY n DESC LIMIT 1",
        (job, ord_),
    ).fetchone()
    if found is None:
        return None
    return Answer._make([*found[:5], Usage.model_validate_json(found[5] or "{}"), *found[6:]])


class Frozen(NamedTuple):
    """An export that holds a trajectory, as its `n`-th row at `revision`; `current` if that body still counts."""

    export: int
    name: str
    n: int
    revision: int
    current: bool
    created: float


def exports_of(db: sqlite3.Connection, pk: int) -> list[Frozen]:
    """The exports that a trajectory went into, oldest first."""
    found = db.execute(
        "SELECT e.pk, e.name, r.n, r.revision, r.revision = t.revision, e.created FROM export_rows r"
        " JOIN exports e ON e.pk = r.export JOIN trajectories t ON t.pk = r.trajectory"
        " WHERE r.trajectory = ? ORDER BY e.pk",
        (pk,),
    ).fetchall()
    return [Frozen._make(values) for values in found]


def runs_of(db: sqlite3.Connection, export: int) -> list[tuple[int, str, int]]:
    """The runs that trained on an export, oldest first: number, status, steps."""
    return db.execute("SELECT pk, status, step FROM runs WHERE export = ? ORDER BY pk", (export,)).fetchall()
