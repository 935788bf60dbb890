"""Copies of approved episodes with a defect planted in them, and what reviewers made of those.

A copy has the key -n, where n is the number of the waiting trajectory whose place it takes in a queue. It is no row of
`trajectories`: what counts, lists or exports these cannot meet it. Only `trajectories.get`, `rows` and `findings` give
it, asked for this very key.
"""

import json
import sqlite3
import time
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from simia_tui.model import Fault, Finding, Measure, Status, Trajectory, verdict_of
from simia_tui.store import trajectories
from simia_tui.store.codec import decode_body, encode_body
from simia_tui.store.connection import write
from simia_tui.store.entries import title_of
from simia_tui.store.trajectories import Row

Verdict = Literal["approve", "reject", "flag", "reset"]
_STATUS = {"approve": Status.APPROVED, "reject": Status.REJECTED, "flag": Status.FLAGGED, "reset": Status.PENDING}


class Planted(NamedTuple):
    """A copy: of which body, what was planted at which turn, and who is to find it."""

    pk: int
    reviewer: str
    source: int
    revision: int
    defect: str
    turn: int


class Judged(NamedTuple):
    """A verdict on a copy that stands."""

    pk: int
    planted: int
    at: float
    verdict: Verdict
    fault: Fault | None


class Tally(NamedTuple):
    """What a reviewer made of the copies that were judged: by the first verdict, after which the reviewer knows."""

    reviewer: str
    caught: int
    missed: int


_COLUMNS = "pk, reviewer, source, revision, defect, turn"


def add(db: sqlite3.Connection, copy: Planted, body: Trajectory, findings: Sequence[Finding]) -> bool:
    """Stores a copy; False where another took the same place meanwhile."""
    told = json.dumps([finding.dump() for finding in findings])
    with write(db):
        cursor = db.execute(
            f"INSERT OR IGNORE INTO planted ({_COLUMNS}, at, findings, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*copy, time.time(), told, encode_body(body)),
        )
    return cursor.rowcount == 1


def copy(db: sqlite3.Connection, pk: int) -> Planted | None:
    """The copy with this key; None where there is none."""
    found = db.execute(f"SELECT {_COLUMNS} FROM planted WHERE pk = ?", (pk,)).fetchone()
    return Planted._make(found) if found else None


def sources(db: sqlite3.Connection, reviewer: str) -> list[int]:
    """The approved episodes that no copy for this reviewer was made of."""
    cursor = db.execute(
        "SELECT t.pk FROM trajectories t WHERE t.kind = 'episode' AND t.status = 'approved'"
        " AND t.pk NOT IN (SELECT source FROM planted WHERE reviewer = ?) ORDER BY t.pk",
        (reviewer,),
    )
    return [pk for (pk,) in cursor]


def get(db: sqlite3.Connection, pk: int) -> Trajectory:
    """The body of a copy, with the policy and the tools of its source."""
    source, revision, blob = db.execute("SELECT source, revision, data FROM planted WHERE pk = ?", (pk,)).fetchone()
    body = decode_body(blob)
    return trajectories.get(db, source, revision).replace(turns=body.turns, meta=body.meta)


def findings(db: sqlite3.Connection, pk: int) -> list[Finding]:
    """What the rules find in a copy."""
    (told,) = db.execute("SELECT findings FROM planted WHERE pk = ?", (pk,)).fetchone()
    return [Finding.load(finding) for finding in json.loads(told)]


def row(db: sqlite3.Connection, pk: int) -> Row | None:
    """The listing line of a copy: that of its source with its own figures, as its reviewer has judged it."""
    found = copy(db, pk)
    if found is None:
        return None
    (source,) = trajectories.rows(db, [found.source])
    body, told, judged = get(db, pk), findings(db, pk), standing(db, pk)
    return source._replace(
        pk=pk,
        id=body.id,
        status=_STATUS[judged.verdict] if judged else Status.PENDING,
        fault=judged.fault if judged else None,
        verdict=verdict_of(told),
        title=title_of(body),
        findings=len(told),
        **msgspec.structs.asdict(Measure.of(body)),
    )


def judge(
    db: sqlite3.Connection,
    pk: int,
    reviewer: str,
    verdict: Verdict,
    fault: str | None = None,
    seconds: float | None = None,
) -> None:
    """Notes a verdict on a copy."""
    with write(db):
        db.execute(
            "INSERT INTO planted_verdicts (planted, at, reviewer, verdict, fault, seconds) VALUES (?, ?, ?, ?, ?, ?)",
            (pk, time.time(), reviewer, verdict, fault if verdict == "reject" else None, seconds),
        )


_JUDGED = "SELECT pk, planted, at, verdict, fault FROM planted_verdicts WHERE NOT undone"


def standing(db: sqlite3.Connection, pk: int) -> Judged | None:
    """The verdict on a copy that counts in the list."""
    found = db.execute(f"{_JUDGED} AND planted = ? ORDER BY pk DESC LIMIT 1", (pk,)).fetchone()
    return _judged(found)


def latest(db: sqlite3.Connection, reviewer: str) -> Judged | None:
    """The reviewer's latest verdict on any copy."""
    found = db.execute(f"{_JUDGED} AND reviewer = ? ORDER BY pk DESC LIMIT 1", (reviewer,)).fetchone()
    return _judged(found)


def _judged(values: tuple[Any, ...] | None) -> Judged | None:
    if values is None:
        return None
    judged = Judged._make(values)
    return judged._replace(fault=Fault(judged.fault) if judged.fault else None)


def take_back(db: sqlite3.Connection, verdict: int) -> None:
    """Marks a verdict as undone; in the tally it stays."""
    with write(db):
        db.execute("UPDATE planted_verdicts SET undone = 1 WHERE pk = ?", (verdict,))


def open_copies(db: sqlite3.Connection, reviewer: str) -> set[int]:
    """The keys of the reviewer's copies that wait for a first verdict."""
    cursor = db.execute(
        "SELECT p.pk FROM planted p WHERE p.reviewer = ?"
        " AND NOT EXISTS (SELECT 1 FROM planted_verdicts v WHERE v.planted = p.pk)",
        (reviewer,),
    )
    return {pk for (pk,) in cursor}


def taken_places(db: sqlite3.Connection) -> set[int]:
    """The keys of all copies there are."""
    return {pk for (pk,) in db.execute("SELECT pk FROM planted")}


def tallies(db: sqlite3.Connection) -> list[Tally]:
    """Caught and missed copies of each reviewer. Rejected or flagged is caught, approved is missed."""
    found = db.execute(
        "SELECT v.reviewer, sum(v.verdict != 'approve'), sum(v.verdict = 'approve') FROM planted_verdicts v"
        " WHERE v.pk = (SELECT min(f.pk) FROM planted_verdicts f WHERE f.planted = v.planted AND f.verdict != 'reset')"
        " GROUP BY v.reviewer ORDER BY v.reviewer"
    ).fetchall()
    return [Tally._make(values) for values in found]
