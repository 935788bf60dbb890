"""Remakes: ends of episodes that are written anew from a turn on, and fresh episodes in place of others.

An answer is a proposal: a revision that does not count until a person has decided on it. The decision is a batch like
every other, so that its undo opens the question again.
"""

import sqlite3
import time
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Literal, NamedTuple

from simia_tui.model import Finding, JobSpec, Trajectory
from simia_tui.store import decisions, jobs, trajectories
from simia_tui.store.connection import write
from simia_tui.store.fields import LANDED

Taken = Literal["old", "new", "mixed"]
AUTHOR = "simulator"
"""Who wrote a proposed revision."""


class Stage(StrEnum):
    """How far a remake is. While it is `asked` or `landed`, the turns that it replaces are stale."""

    ASKED = "asked"
    LANDED = "landed"
    SETTLED = "settled"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"

    @property
    def open(self) -> bool:
        return self in (Stage.ASKED, Stage.LANDED)


class Wish(NamedTuple):
    """What is asked for: `trajectory` from `turn` on (None: a fresh episode from its seed), and what was wrong."""

    trajectory: int
    revision: int
    turn: int | None
    seed: int
    why: str | None = None


class Remade(NamedTuple):
    """The answer to a wish with a turn: the whole body and what the rules find in it."""

    body: Trajectory
    findings: Sequence[Finding]


class Remake(NamedTuple):
    """One wish and what became of it. `made` is the fresh episode, `proposed` the revision with the new end."""

    pk: int
    job: int
    ord: int
    trajectory: int
    revision: int
    turn: int | None
    why: str | None
    reviewer: str
    at: float
    proposed: int | None
    made: int | None
    taken: Taken | None
    batch: int | None
    stage: Stage
    problem: str | None


_REMAKE = (
    "SELECT r.pk, r.job, r.ord, r.trajectory, r.revision, r.turn, r.why, r.reviewer, r.at, r.proposed,"
    " (SELECT t.pk FROM trajectories t WHERE t.job = r.job AND t.ord = r.ord),"
    " CASE WHEN NOT b.undone OR x.revision = r.proposed THEN r.taken END, CASE WHEN NOT b.undone THEN r.batch END,"
    " r.withdrawn, k.state, j.status, coalesce(k.why, j.reason)"
    " FROM remakes r JOIN jobs j ON j.pk = r.job JOIN tasks k ON k.job = r.job AND k.ord = r.ord"
    " JOIN trajectories x ON x.pk = r.trajectory"
    " LEFT JOIN batches b ON b.pk = r.batch"
)


def _remake(values: Sequence[Any]) -> Remake:
    *fields, withdrawn, state, status, problem = values
    proposed, made, taken = fields[9], fields[10], fields[11]
    if taken is not None or made is not None:
        stage = Stage.SETTLED
    elif withdrawn is not None:
        stage = Stage.WITHDRAWN
    elif proposed is not None:
        stage = Stage.LANDED
    else:
        stage = Stage.FAILED if state == "failed" or status in ("cancelled", "failed") else Stage.ASKED
    return Remake._make([*fields, stage, problem])


def ask(db: sqlite3.Connection, spec: JobSpec, wishes: Sequence[Wish], reviewer: str) -> int:
    """Queues a job with one task a wish; returns its number. The task's seed is what its prompt is made of."""
    now = time.time()
    with write(db):
        job = jobs.create_within(db, spec, [wish.seed for wish in wishes])
        db.executemany(
            "INSERT INTO remakes (job, ord, trajectory, revision, turn, why, reviewer, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (job, ord_, wish.trajectory, wish.revision, wish.turn, wish.why, reviewer, now)
                for ord_, wish in enumerate(wishes)
            ),
        )
    return job


def of_job(db: sqlite3.Connection, job: int) -> list[Remake]:
    """The wishes of a job in the order of its tasks."""
    return [_remake(values) for values in db.execute(f"{_REMAKE} WHERE r.job = ? ORDER BY r.ord", (job,)).fetchall()]


def of(db: sqlite3.Connection, pk: int) -> list[Remake]:
    """All that was ever asked about a trajectory, newest first."""
    found = db.execute(f"{_REMAKE} WHERE r.trajectory = ? ORDER BY r.pk DESC", (pk,)).fetchall()
    return [_remake(values) for values in found]


def remake(db: sqlite3.Connection, pk: int) -> Remake:
    """One by its key."""
    return _remake(db.execute(f"{_REMAKE} WHERE r.pk = ?", (pk,)).fetchone())


def current(db: sqlite3.Connection, pk: int) -> Remake | None:
    """The newest remake of a trajectory's end that a reviewer should know of: open, or failed."""
    ends = (one for one in of(db, pk) if one.turn is not None)
    newest = next((one for one in ends if one.stage is not Stage.WITHDRAWN), None)
    return newest if newest is not None and newest.stage is not Stage.SETTLED else None


def landed(db: sqlite3.Connection) -> list[int]:
    """The trajectories with an answer that nobody has decided on, in order."""
    found = db.execute(f"SELECT DISTINCT trajectory FROM ({LANDED}) ORDER BY trajectory").fetchall()
    return [pk for (pk,) in found]


def made_from(db: sqlite3.Connection, pk: int) -> Remake | None:
    """The wish that a fresh episode answers; None for one that was made otherwise."""
    found = db.execute(
        f"{_REMAKE} WHERE r.turn IS NULL AND (r.job, r.ord) = (SELECT job, ord FROM trajectories WHERE pk = ?)", (pk,)
    ).fetchone()
    return _remake(found) if found else None


def land_within(db: sqlite3.Connection, job: int, ord_: int, remade: Remade) -> None:
    """Keeps the answer of a task as a revision that does not count yet; part of the caller's transaction."""
    (pk,) = db.execute("SELECT trajectory FROM remakes WHERE job = ? AND ord = ?", (job, ord_)).fetchone()
    revision = trajectories.add_revision(db, pk, AUTHOR, remade.body, remade.findings)
    db.execute("UPDATE remakes SET proposed = ? WHERE job = ? AND ord = ?", (revision, job, ord_))


def settle(
    db: sqlite3.Connection, chosen: Sequence[Remake], taken: Taken, reviewer: str, mix: Remade | None = None
) -> int:
    """Decides on answers as one act that one undo takes back; returns the batch.

    `old` keeps the body that counts, `new` makes the answer count, `mixed` makes `mix` a further revision that counts.
    """
    with write(db):
        changes = []
        for one in chosen:
            revision: int | None = None
            if taken == "new":
                revision = one.proposed
            elif taken == "mixed" and mix is not None:
                revision = trajectories.add_revision(db, one.trajectory, reviewer, mix.body, mix.findings)
            note = f"turns from {(one.turn or 0) + 1} on, written anew by job {one.job}: {taken}"
            changes.append(decisions.Change(one.trajectory, revision, note))
        batch = decisions.switch_within(db, changes, "take", reviewer)
        db.executemany(
            "UPDATE remakes SET batch = ?, taken = ? WHERE pk = ?", ((batch, taken, one.pk) for one in chosen)
        )
    return batch


def withdraw_within(db: sqlite3.Connection, job: int) -> None:
    """Marks the wishes of a job that nobody has decided on as no longer wanted; part of the caller's transaction."""
    db.execute("UPDATE remakes SET withdrawn = ? WHERE job = ? AND withdrawn IS NULL", (time.time(), job))
