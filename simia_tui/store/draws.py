"""Random shares that stay as they were drawn: by a stored number and the key of what is drawn."""

import sqlite3
import time
from hashlib import blake2b
from typing import Literal, NamedTuple

from simia_tui.model import Kind
from simia_tui.store.connection import write

Name = Literal["blind", "planted"]
Seen = Literal["approve", "reject", "flag"]


class Look(NamedTuple):
    """A verdict given before the prefilter's was seen, and what the prefilter had said of that body, if anything."""

    trajectory: int
    reviewer: str
    verdict: Seen
    asked_by: str | None
    opinion: str | None


def seed(db: sqlite3.Connection, name: Name) -> int:
    """The number that a draw rests on; made with the workspace."""
    (found,) = db.execute("SELECT random_seed FROM draws WHERE name = ?", (name,)).fetchone()
    return int(found)


def fraction(random_seed: int, key: object) -> float:
    """A number from 0 to 1 that looks random and is the same every time; below a share means drawn.

    A larger share draws what a smaller one drew, and more.
    """
    digest = blake2b(f"{random_seed}:{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def look(db: sqlite3.Connection, pk: int, reviewer: str, verdict: Seen | None) -> None:
    """Notes the verdict on a blind item, or that the prefilter's was seen before any (None). The first note stays."""
    with write(db):
        db.execute(
            "INSERT OR IGNORE INTO blind_looks SELECT pk, revision, ?, ?, ? FROM trajectories WHERE pk = ?",
            (reviewer, time.time(), verdict, pk),
        )


def looked(db: sqlite3.Connection, pk: int, reviewer: str) -> bool:
    """Whether the reviewer has judged the body that counts, or seen the prefilter's verdict on it."""
    found = db.execute(
        "SELECT 1 FROM blind_looks l JOIN trajectories t ON t.pk = l.trajectory AND t.revision = l.revision"
        " WHERE t.pk = ? AND l.reviewer = ?",
        (pk, reviewer),
    ).fetchone()
    return found is not None


def looks(db: sqlite3.Connection, kind: Kind) -> list[Look]:
    """Every verdict that was given blind, on the body that it was given on."""
    found = db.execute(
        "SELECT l.trajectory, l.reviewer, l.verdict, s.asked_by, s.opinion FROM blind_looks l"
        " JOIN trajectories t ON t.pk = l.trajectory LEFT JOIN screenings s ON s.pk = (SELECT max(o.pk)"
        " FROM screenings o WHERE o.trajectory = l.trajectory AND o.revision = l.revision AND o.at <= l.at)"
        " WHERE t.kind = ? AND l.verdict IS NOT NULL ORDER BY l.at",
        (kind,),
    ).fetchall()
    return [Look._make(values) for values in found]


def fired(db: sqlite3.Connection, kind: Kind) -> list[tuple[str, Seen]]:
    """For every rule with an error that stood on a body judged blind: the rule, and the verdict; once an item."""
    found = db.execute(
        "SELECT DISTINCT f.rule, l.verdict, l.trajectory, l.reviewer FROM blind_looks l"
        " JOIN trajectories t ON t.pk = l.trajectory"
        " JOIN findings f ON f.trajectory = l.trajectory AND f.revision = l.revision"
        " WHERE t.kind = ? AND l.verdict IS NOT NULL AND f.severity = 'error' AND NOT f.repaired ORDER BY f.rule",
        (kind,),
    ).fetchall()
    return [(rule, verdict) for rule, verdict, _, _ in found]
