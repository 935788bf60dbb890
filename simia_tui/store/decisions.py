"""Decisions of reviewers: append-only, one batch an act, undone and redone across restarts."""

import sqlite3
import time
from collections.abc import Sequence
from typing import Literal, NamedTuple

from simia_tui.model import Decision, Fault, Finding, Measure, Status, Trajectory, verdict_of
from simia_tui.store import trajectories
from simia_tui.store.connection import write

Verb = Literal["approve", "reject", "flag", "reset"]
_STATUS = {
    "approve": Status.APPROVED,
    "reject": Status.REJECTED,
    "flag": Status.FLAGGED,
    "reset": Status.PENDING,
}


class State(NamedTuple):
    """What a decision changes of a trajectory."""

    status: str
    fault: str | None
    revision: int


class Change(NamedTuple):
    """A trajectory with the revision that is to count from now on (None: the one that counts already), and a note."""

    trajectory: int
    revision: int | None
    note: str | None = None


class Undone(NamedTuple):
    """What `undo` or `redo` did. `skipped` were changed by somebody else since and were left alone."""

    batch: int
    action: str
    pks: list[int]
    skipped: int


def decide(
    db: sqlite3.Connection,
    pks: Sequence[int],
    action: Verb,
    reviewer: str,
    fault: Fault | None = None,
    note: str | None = None,
    seconds: float | None = None,
) -> int:
    """Gives `pks` the status of `action` as one act that one undo takes back; returns the batch.

    `seconds` is how long the reviewer looked at the one item of the act, where that is known.
    """
    with write(db):
        batch = _batch(db, reviewer, action, len(pks), seconds=seconds)
        for pk in pks:
            before = _state(db, pk)
            after = State(_STATUS[action], fault if action == "reject" else None, before.revision)
            _log(db, batch, pk, before, after, note)
            _set(db, pk, before, after)
    return batch


def edit(
    db: sqlite3.Connection,
    pk: int,
    body: Trajectory,
    findings: Sequence[Finding],
    reviewer: str,
    note: str | None = None,
) -> int:
    """Makes `body` the revision that counts; its status stays. The former revisions are kept. Returns the batch."""
    with write(db):
        revision = trajectories.add_revision(db, pk, reviewer, body, findings)
        return switch_within(db, [Change(pk, revision, note)], "edit", reviewer)


def switch_within(
    db: sqlite3.Connection, changes: Sequence[Change], action: Literal["edit", "take"], reviewer: str
) -> int:
    """Makes other revisions count as one act; statuses stay. Part of the caller's transaction; gives the batch."""
    batch = _batch(db, reviewer, action, len(changes))
    for pk, revision, note in changes:
        before = _state(db, pk)
        after = before if revision is None else before._replace(revision=revision)
        _log(db, batch, pk, before, after, note)
        _set(db, pk, before, after)
    return batch


def latest(db: sqlite3.Connection, reviewer: str) -> tuple[int, float] | None:
    """The batch that the reviewer's next undo would take back, and when it was made."""
    found = db.execute(
        "SELECT pk, at FROM batches WHERE reviewer = ? AND undone = 0 AND action NOT IN ('undo', 'redo')"
        " ORDER BY pk DESC LIMIT 1",
        (reviewer,),
    ).fetchone()
    return (int(found[0]), float(found[1])) if found else None


def undo(db: sqlite3.Connection, reviewer: str) -> Undone | None:
    """Takes back the reviewer's latest act that still stands; None when there is none left."""
    with write(db):
        found = db.execute(
            "SELECT pk, action FROM batches WHERE reviewer = ? AND undone = 0 AND action NOT IN ('undo', 'redo')"
            " ORDER BY pk DESC LIMIT 1",
            (reviewer,),
        ).fetchone()
        return _replay(db, reviewer, found, "undo") if found else None


def redo(db: sqlite3.Connection, reviewer: str) -> Undone | None:
    """Brings back the act that was undone last, unless the reviewer has acted since; None when there is none."""
    with write(db):
        found = db.execute(
            "SELECT b.pk, b.action FROM batches b WHERE b.reviewer = ? AND b.undone = 1 AND NOT EXISTS ("
            "  SELECT 1 FROM batches later WHERE later.reviewer = b.reviewer AND later.action NOT IN ('undo', 'redo')"
            "  AND later.pk > (SELECT max(u.pk) FROM batches u WHERE u.action = 'undo' AND u.target = b.pk))"
            " ORDER BY b.pk LIMIT 1",
            (reviewer,),
        ).fetchone()
        return _replay(db, reviewer, found, "redo") if found else None


def _replay(
    db: sqlite3.Connection, reviewer: str, target: tuple[int, str], direction: Literal["undo", "redo"]
) -> Undone:
    batch_pk, action = target
    entries = db.execute(
        "SELECT trajectory, before_status, before_fault, before_revision, after_status, after_fault, after_revision"
        " FROM decisions WHERE batch = ? ORDER BY pk",
        (batch_pk,),
    ).fetchall()
    batch = _batch(db, reviewer, direction, len(entries), batch_pk)
    done, skipped = [], 0
    for pk, *states in entries:
        before, after = State(*states[:3]), State(*states[3:])
        source, goal = (after, before) if direction == "undo" else (before, after)
        if _state(db, pk) != source:
            skipped += 1
            continue
        _log(db, batch, pk, source, goal, None)
        _set(db, pk, source, goal)
        done.append(pk)
    db.execute("UPDATE batches SET undone = ? WHERE pk = ?", (direction == "undo", batch_pk))
    return Undone(batch_pk, action, done, skipped)


def _batch(
    db: sqlite3.Connection,
    reviewer: str,
    action: str,
    size: int,
    target: int | None = None,
    seconds: float | None = None,
) -> int:
    cursor = db.execute(
        "INSERT INTO batches (at, reviewer, action, target, size, seconds) VALUES (?, ?, ?, ?, ?, ?)",
        (time.time(), reviewer, action, target, size, seconds),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _state(db: sqlite3.Connection, pk: int) -> State:
    return State(*db.execute("SELECT status, fault, revision FROM trajectories WHERE pk = ?", (pk,)).fetchone())


def _log(db: sqlite3.Connection, batch: int, pk: int, before: State, after: State, note: str | None) -> None:
    db.execute(
        "INSERT INTO decisions (batch, trajectory, note, before_status, before_fault, before_revision,"
        " after_status, after_fault, after_revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (batch, pk, note, *before, *after),
    )


def _set(db: sqlite3.Connection, pk: int, before: State, after: State) -> None:
    if before.revision != after.revision:
        _switch_revision(db, pk, before.revision, after.revision)
    db.execute(
        "UPDATE trajectories SET status = ?, fault = ?, revision = ? WHERE pk = ?",
        (after.status, after.fault, after.revision, pk),
    )


def _switch_revision(db: sqlite3.Connection, pk: int, old: int, new: int) -> None:
    """Indexes and figures follow the body that counts."""
    trajectories.drop_index(db, pk, trajectories.get(db, pk, old))
    body = trajectories.get(db, pk, new)
    trajectories.put_index(db, pk, body)
    findings = trajectories.findings(db, pk, new)
    measure = Measure.of(body)
    db.execute(
        "UPDATE trajectories SET title = ?, verdict = ?, findings = ?, turns = ?, calls = ?, observations = ?,"
        " errors = ?, words = ? WHERE pk = ?",
        (trajectories.title_of(body), verdict_of(findings), len(findings), *measure.model_dump().values(), pk),
    )


def history(db: sqlite3.Connection, pk: int) -> list[Decision]:
    """Every decision on one trajectory, oldest first."""
    found = db.execute(
        "SELECT d.pk, t.id, b.action, b.at, b.reviewer, d.after_fault, d.note, d.batch FROM decisions d"
        " JOIN batches b ON b.pk = d.batch JOIN trajectories t ON t.pk = d.trajectory"
        " WHERE d.trajectory = ? ORDER BY d.pk",
        (pk,),
    ).fetchall()
    names = ("pk", "trajectory", "action", "at", "reviewer", "fault", "note", "batch")
    return [Decision.model_validate(dict(zip(names, values, strict=True))) for values in found]
