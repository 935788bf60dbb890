"""Signatures of trajectories, and which stored one is most like a new one."""

import sqlite3
from array import array
from collections.abc import Sequence
from operator import eq
from typing import NamedTuple

from simia_tui.store.connection import write

MOST_COMPARED = 200
"""Candidates that are compared; text that fits everything (an empty episode) must not cost more than that."""


class Likeness(NamedTuple):
    """What is stored of a signature: `bins` are equal-length numbers to compare, `bands` find candidates."""

    version: int
    digest: str
    bins: tuple[int, ...]
    bands: Sequence[int]


class Nearest(NamedTuple):
    """The stored trajectory that is most like a new one; `estimate` is the share of text they have in common."""

    pk: int
    id: str
    kind: str
    estimate: float


def nearest(db: sqlite3.Connection, new: Likeness) -> Nearest | None:
    """The trajectory that shares most with `new`; None when no band is shared."""
    marks = ", ".join("?" * len(new.bands))
    found = db.execute(
        "SELECT s.trajectory, s.digest, s.bins, t.id, t.kind FROM signatures s"
        " JOIN trajectories t ON t.pk = s.trajectory"
        f" WHERE s.version = ? AND s.trajectory IN (SELECT trajectory FROM bands WHERE hash IN ({marks})"
        " ORDER BY trajectory LIMIT ?)",
        (new.version, *new.bands, MOST_COMPARED),
    )
    best: Nearest | None = None
    for pk, digest, blob, sha, kind in found:
        bins = array("I", blob)
        estimate = 1.0 if digest == new.digest else sum(map(eq, bins, new.bins)) / len(bins)
        if best is None or estimate > best.estimate:
            best = Nearest(pk, sha, kind, estimate)
        if estimate == 1.0:
            break
    return best


def stored(db: sqlite3.Connection, pks: Sequence[int], version: int) -> dict[int, tuple[str, tuple[int, ...]]]:
    """The digest and the bins of each of `pks` that has a signature of this version."""
    found: dict[int, tuple[str, tuple[int, ...]]] = {}
    for pk in pks:
        row = db.execute(
            "SELECT digest, bins FROM signatures WHERE trajectory = ? AND version = ?", (pk, version)
        ).fetchone()
        if row is not None:
            found[pk] = (row[0], tuple(array("I", row[1])))
    return found


def put(db: sqlite3.Connection, pk: int, new: Likeness) -> None:
    """Stores the signature of a trajectory, in a transaction that the caller holds; an older one is replaced."""
    db.execute("DELETE FROM signatures WHERE trajectory = ?", (pk,))
    db.execute(
        "INSERT INTO signatures VALUES (?, ?, ?, ?)", (pk, new.version, new.digest, array("I", new.bins).tobytes())
    )
    db.executemany("INSERT OR IGNORE INTO bands VALUES (?, ?)", ((band, pk) for band in new.bands))


def put_all(db: sqlite3.Connection, many: Sequence[tuple[int, Likeness]]) -> None:
    """Stores several in one transaction."""
    with write(db):
        for pk, new in many:
            put(db, pk, new)


def without(db: sqlite3.Connection, pks: Sequence[int], version: int) -> list[int]:
    """Those of `pks` that have no signature of this version."""
    known = {pk for (pk,) in db.execute("SELECT trajectory FROM signatures WHERE version = ?", (version,)).fetchall()}
    return [pk for pk in pks if pk not in known]
