"""Decisions of reviewers: append-only, one batch an act, undone and redone across restarts."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from simia_tui.model import Decision, Fault, Finding, Kind, Measure, Status, Trajectory, verdict_of
from simia_tui.store import trajectories
from simia_tui.store.connection import write
from simia_tui.store.entries import title_of

CHUNK = 2_000
"""Rows of one act that are written in one transaction; it holds the database for a tenth of a second."""
GIVE_WAY_S = 0.02
"""Pause between two chunks. Another writer looks every 10 ms whether it is its turn."""

Told = Callable[[int], None]
"""Is told after every chunk how many rows of the act have been gone through."""

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
    told: Told | None = None,
) -> int:
    """Gives `pks` the status of `action` as one act that one undo takes back; returns the batch.

    Many rows are written in chunks, so that others can write meanwhile: should the program die between two, undo takes
    back what was written, and an undo from elsewhere ends the act. `seconds` is how long the reviewer looked at the one
    item of the act, where that is known.
    """
    batch = 0
    for start in range(0, len(pks) or 1, CHUNK):
        if start:
            _give_way()
        with write(db):
            if start and _undone(db, batch):
                break
            batch = batch or _batch(db, reviewer, action, len(pks), seconds=seconds)
            for pk in pks[start : start + CHUNK]:
                before = _state(db, pk)
                after = State(_STATUS[action], fault if action == "reject" else None, before.revision)
                _log(db, batch, pk, before, after, note)
                _set(db, pk, before, after)
        if told is not None:
            told(min(start + CHUNK, len(pks)))
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


def at_stake(db: sqlite3.Connection, reviewer: str, direction: Literal["undo", "redo"]) -> int:
    """How many rows the reviewer's next `undo` or `redo` goes through."""
    found = db.execute(_LATEST if direction == "undo" else _NEXT_UNDONE, (reviewer,)).fetchone()
    return int(db.execute("SELECT size FROM batches WHERE pk = ?", (found[0],)).fetchone()[0]) if found else 0


def undo(db: sqlite3.Connection, reviewer: str, told: Told | None = None) -> Undone | None:
    """Takes back the reviewer's latest act that still stands; None when there is none left.

    As `decide` does, in chunks; should the program die between two, the next undo goes on with the same act.
    """
    return _replay(db, reviewer, _LATEST, "undo", told)


def redo(db: sqlite3.Connection, reviewer: str, told: Told | None = None) -> Undone | None:
    """Brings back the act that was undone last, unless the reviewer has acted since; None when there is none."""
    return _replay(db, reviewer, _NEXT_UNDONE, "redo", told)


_LATEST = (
    "SELECT pk, action FROM batches WHERE reviewer = ? AND undone = 0 AND action NOT IN ('undo', 'redo')"
    " ORDER BY pk DESC LIMIT 1"
)
_NEXT_UNDONE = (
    "SELECT b.pk, b.action FROM batches b WHERE b.reviewer = ? AND b.undone = 1 AND NOT EXISTS ("
    "  SELECT 1 FROM batches later WHERE later.reviewer = b.reviewer AND later.action NOT IN ('undo', 'redo')"
    "  AND later.pk > (SELECT max(u.pk) FROM batches u WHERE u.action = 'undo' AND u.target = b.pk))"
    " ORDER BY b.pk LIMIT 1"
)


def _replay(
    db: sqlite3.Connection, reviewer: str, which: str, direction: Literal["undo", "redo"], told: Told | None
) -> Undone | None:
    """Goes through the entries of the act that `which` finds; only with the last of them it counts as done."""
    done: list[int] = []
    batch, seen, last, ended = 0, 0, 0, False
    while not ended:
        if batch:
            _give_way()
        with write(db):
            if not batch:
                found = db.execute(which, (reviewer,)).fetchone()
                if found is None:
                    return None
                target, action = found
                (size,) = db.execute("SELECT count(*) FROM decisions WHERE batch = ?", (target,)).fetchone()
                batch = _batch(db, reviewer, direction, size, target)
            entries = db.execute(
                "SELECT pk, trajectory, before_status, before_fault, before_revision, after_status, after_fault,"
                " after_revision FROM decisions WHERE batch = ? AND pk > ? ORDER BY pk LIMIT ?",
                (target, last, CHUNK),
            ).fetchall()
            done += _turn(db, batch, entries, back=direction == "undo")
            seen += len(entries)
            ended = len(entries) < CHUNK
            if ended:
                db.execute("UPDATE batches SET undone = ? WHERE pk = ?", (direction == "undo", target))
            else:
                last = entries[-1][0]
        if told is not None:
            told(seen)
    return Undone(target, action, done, seen - len(done))


def _turn(db: sqlite3.Connection, batch: int, entries: Sequence[tuple[Any, ...]], back: bool) -> list[int]:
    """Puts trajectories to the other end of their entries; those that somebody else has changed since stay."""
    done = []
    for _, pk, *states in entries:
        before, after = State(*states[:3]), State(*states[3:])
        source, goal = (after, before) if back else (before, after)
        if _state(db, pk) == source:
            _log(db, batch, pk, source, goal, None)
            _set(db, pk, source, goal)
            done.append(pk)
    return done


def _give_way() -> None:
    time.sleep(GIVE_WAY_S)


def _undone(db: sqlite3.Connection, batch: int) -> bool:
    return bool(db.execute("SELECT undone FROM batches WHERE pk = ?", (batch,)).fetchone()[0])


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
        (title_of(body), verdict_of(findings), len(findings), *msgspec.structs.astuple(measure), pk),
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


class Pace(NamedTuple):
    """How fast a reviewer decided on single items: how many, how many of these in haste, and the seconds in all."""

    reviewer: str
    decided: int
    hasty: int
    seconds: float


def paces(db: sqlite3.Connection, kind: Kind, seconds_per_word: float) -> list[Pace]:
    """The pace of every reviewer whose time was taken; a decision with fewer `seconds_per_word` is a hasty one."""
    found = db.execute(
        "SELECT b.reviewer, count(*), sum(b.seconds < ? * t.words), sum(b.seconds) FROM batches b"
        " JOIN decisions d ON d.batch = b.pk JOIN trajectories t ON t.pk = d.trajectory"
        " WHERE b.size = 1 AND b.seconds IS NOT NULL AND t.kind = ? GROUP BY b.reviewer ORDER BY b.reviewer",
        (seconds_per_word, kind),
    ).fetchall()
    return [Pace._make(values) for values in found]
