"""Several reviewers on one workspace: claims that expire, overlap, opinions given blind, and what is in dispute.

A trajectory with an overlap of N gets N opinions, each from another reviewer, before its status changes. Opinions are
append-only; `undone` takes one back.
"""

import sqlite3
import time
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from simia_tui.errors import UsageError
from simia_tui.model import Fault, Kind
from simia_tui.store.connection import write
from simia_tui.store.fields import HAS

Verdict = Literal["approve", "reject", "flag"]
MINUTES = 30.0
"""How long a claim holds without a renewal: longer than the longest episode takes to read."""


class Opinion(NamedTuple):
    """One reviewer's verdict on one body."""

    pk: int
    trajectory: int
    revision: int
    reviewer: str
    verdict: Verdict
    fault: Fault | None
    note: str | None
    at: float


class Claim(NamedTuple):
    """An item that a reviewer holds; `until` is in seconds since 1970."""

    trajectory: int
    reviewer: str
    until: float


_STANDING = "o.trajectory = t.pk AND o.revision = t.revision AND NOT o.undone"
_COUNT = f"(SELECT count(*) FROM opinions o WHERE {_STANDING})"
_OTHERS = (
    "(SELECT count(*) FROM claims l WHERE l.trajectory = t.pk AND l.reviewer != :who AND l.until > :now AND NOT EXISTS"
    f" (SELECT 1 FROM opinions o WHERE {_STANDING} AND o.reviewer = l.reviewer))"
)
_NEEDED = "max(:overlap, coalesce((SELECT v.needed FROM overlaps v WHERE v.trajectory = t.pk), 1))"
_FREE = (
    f"NOT EXISTS (SELECT 1 FROM opinions o WHERE {_STANDING} AND o.reviewer = :who)"
    f" AND {_COUNT} + {_OTHERS} < {_NEEDED}"
)
"""The reviewer has no opinion on it yet, and others leave room for one."""
_COLUMNS = "o.pk, o.trajectory, o.revision, o.reviewer, o.verdict, o.fault, o.note, o.at"


def set_overlap(db: sqlite3.Connection, pks: Sequence[int], overlap: int) -> None:
    """Asks for `overlap` opinions on each of `pks`; 1 lifts that.

    Raises:
        ValueError: `overlap` is below 1.
    """
    if overlap < 1:
        raise ValueError(f"an overlap of {overlap}")
    with write(db):
        if overlap == 1:
            db.executemany("DELETE FROM overlaps WHERE trajectory = ?", ((pk,) for pk in pks))
        else:
            db.executemany(
                "INSERT INTO overlaps VALUES (?, ?) ON CONFLICT (trajectory) DO UPDATE SET needed = excluded.needed",
                ((pk, overlap) for pk in pks),
            )


def needed(db: sqlite3.Connection, pk: int) -> int:
    """How many opinions a trajectory needs."""
    found = db.execute("SELECT needed FROM overlaps WHERE trajectory = ?", (pk,)).fetchone()
    return int(found[0]) if found else 1


def shared(db: sqlite3.Connection) -> set[int]:
    """What waits for opinions of several reviewers, or for an adjudicator."""
    cursor = db.execute(
        "SELECT v.trajectory FROM overlaps v JOIN trajectories t ON t.pk = v.trajectory"
        " WHERE v.needed > 1 AND t.status = 'pending'"
    )
    return {pk for (pk,) in cursor}


def free(
    db: sqlite3.Connection, reviewer: str, pks: Sequence[int], overlap: int = 1, now: float | None = None
) -> list[int]:
    """Those of `pks`, in their order, that wait for this reviewer: no opinion given, and room left by the others.

    `overlap` is how many opinions an item needs at least. A claim that has expired counts no more.
    """
    marks = ",".join(f":p{n}" for n in range(len(pks)))
    found = db.execute(
        f"SELECT t.pk FROM trajectories t WHERE t.pk IN ({marks}) AND t.status = 'pending' AND {_FREE}",
        {
            "who": reviewer,
            "now": time.time() if now is None else now,
            "overlap": overlap,
            **{f"p{n}": pk for n, pk in enumerate(pks)},
        },
    )
    open_to = {pk for (pk,) in found}
    return [pk for pk in pks if pk in open_to]


def claim(
    db: sqlite3.Connection,
    reviewer: str,
    pks: Sequence[int],
    n: int = 1,
    *,
    overlap: int = 1,
    minutes: float = MINUTES,
    now: float | None = None,
) -> list[int]:
    """Takes the first `n` of `pks` that are free for the reviewer, and renews what is held of them; returns them.

    With an `overlap` above 1 these items need so many opinions from now on, also if the setting changes later.
    """
    now = time.time() if now is None else now
    with write(db):
        taken = free(db, reviewer, pks, overlap, now)[:n]
        db.executemany(
            "INSERT INTO claims VALUES (?, ?, ?)"
            " ON CONFLICT (trajectory, reviewer) DO UPDATE SET until = excluded.until",
            ((pk, reviewer, now + minutes * 60) for pk in taken),
        )
        if overlap > 1:
            db.executemany("INSERT OR IGNORE INTO overlaps VALUES (?, ?)", ((pk, overlap) for pk in taken))
    return taken


def release(db: sqlite3.Connection, reviewer: str, pks: Sequence[int] | None = None) -> None:
    """Gives claims back: those on `pks`, or all of the reviewer."""
    with write(db):
        if pks is None:
            db.execute("DELETE FROM claims WHERE reviewer = ?", (reviewer,))
        else:
            db.executemany("DELETE FROM claims WHERE reviewer = ? AND trajectory = ?", ((reviewer, pk) for pk in pks))


def held(db: sqlite3.Connection, pk: int | None = None, now: float | None = None) -> list[Claim]:
    """Every claim (on `pk`) that has not expired."""
    found = db.execute(
        "SELECT trajectory, reviewer, until FROM claims WHERE until > ?1 AND (?2 IS NULL OR trajectory = ?2)"
        " ORDER BY trajectory, reviewer",
        (time.time() if now is None else now, pk),
    ).fetchall()
    return [Claim._make(values) for values in found]


def opine(
    db: sqlite3.Connection,
    pk: int,
    reviewer: str,
    verdict: Verdict,
    fault: Fault | None = None,
    note: str | None = None,
    seconds: float | None = None,
) -> None:
    """Records an opinion on the body that counts, and gives the claim back.

    Raises:
        UsageError: the reviewer has an opinion on it, or it is decided.
    """
    with write(db):
        status, revision = db.execute("SELECT status, revision FROM trajectories WHERE pk = ?", (pk,)).fetchone()
        if status != "pending":
            raise UsageError(f"Trajectory {pk} is decided already; it takes no more opinions.")
        if db.execute(
            "SELECT 1 FROM opinions WHERE trajectory = ? AND revision = ? AND reviewer = ? AND NOT undone",
            (pk, revision, reviewer),
        ).fetchone():
            raise UsageError(f"You have an opinion on trajectory {pk}; take it back before you give another.")
        db.execute(
            "INSERT INTO opinions (trajectory, revision, reviewer, verdict, fault, note, at, seconds)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (pk, revision, reviewer, verdict, fault if verdict == "reject" else None, note, time.time(), seconds),
        )
        db.execute("DELETE FROM claims WHERE reviewer = ? AND trajectory = ?", (reviewer, pk))


def latest(db: sqlite3.Connection, reviewer: str) -> Opinion | None:
    """The reviewer's latest opinion that stands."""
    found = db.execute(
        f"SELECT {_COLUMNS} FROM opinions o WHERE o.reviewer = ? AND NOT o.undone ORDER BY o.pk DESC LIMIT 1",
        (reviewer,),
    ).fetchone()
    return _opinion(found) if found else None


def take_back(db: sqlite3.Connection, opinion: int) -> None:
    """Marks an opinion as undone."""
    with write(db):
        db.execute("UPDATE opinions SET undone = 1 WHERE pk = ?", (opinion,))


def opinions(db: sqlite3.Connection, pk: int) -> list[Opinion]:
    """The opinions that stand on the body that counts, oldest first. Show them through `visible`."""
    found = db.execute(
        f"SELECT {_COLUMNS} FROM opinions o JOIN trajectories t ON t.pk = o.trajectory"
        f" WHERE t.pk = ? AND {_STANDING} ORDER BY o.pk",
        (pk,),
    ).fetchall()
    return [_opinion(values) for values in found]


def _opinion(values: tuple[Any, ...]) -> Opinion:
    opinion = Opinion._make(values)
    return opinion._replace(fault=Fault(opinion.fault) if opinion.fault else None)


def visible(db: sqlite3.Connection, pk: int, viewer: str) -> list[Opinion]:
    """The opinions that `viewer` may see: the viewer's own; all, once as many are in as are needed."""
    every = opinions(db, pk)
    return every if len(every) >= needed(db, pk) else [one for one in every if one.reviewer == viewer]


def disputed(db: sqlite3.Connection, kind: Kind) -> list[int]:
    """What has all the opinions it needs and still waits: they differ, or one is a flag. For an adjudicator."""
    cursor = db.execute(
        f"SELECT t.pk FROM trajectories t WHERE t.kind = ? AND {HAS['dispute']} ORDER BY t.pk",
        (kind,),
    )
    return [pk for (pk,) in cursor]


def ratings(db: sqlite3.Connection, kind: Kind) -> dict[int, dict[str, str]]:
    """Per trajectory the verdict of each reviewer, on the body that counts; the matter of agreement."""
    found = db.execute(
        "SELECT o.trajectory, o.reviewer, o.verdict FROM opinions o JOIN trajectories t ON t.pk = o.trajectory"
        f" WHERE t.kind = ? AND {_STANDING} ORDER BY o.trajectory, o.pk",
        (kind,),
    ).fetchall()
    by_trajectory: dict[int, dict[str, str]] = {}
    for pk, reviewer, verdict in found:
        by_trajectory.setdefault(pk, {})[reviewer] = verdict
    return by_trajectory
