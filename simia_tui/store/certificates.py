"""Certificates of sampled bulk approval: which rows, which sample, what was found, and the batch that rests on it."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

from simia_tui.errors import UsageError
from simia_tui.model import Kind
from simia_tui.store.connection import write

State = Literal["sampling", "ready", "refused", "applied"]
_CHUNK = 5000


class Certificate(NamedTuple):
    """`size` rows matched `filter`, `sample` of them were drawn. `max_share` is the share of bad rows asked for (None:
    no bad row at all), `allowed` the bad rows that it leaves room for; `bad` and `bound` are None while sampling.

    `state` is `ready` again once the batch of an applied certificate was undone.
    """

    pk: int
    at: float
    reviewer: str
    kind: Kind
    filter: str
    random_seed: int
    size: int
    sample: int
    method: str
    max_share: float | None
    allowed: int
    state: State
    bad: int | None
    bound: float | None
    batch: int | None


class Tally(NamedTuple):
    """The sample so far: rows that wait for a decision, rows decided, and the bad ones of these."""

    waiting: list[int]
    decided: int
    bad: int


_STATE = (
    "CASE WHEN c.state != 'applied' THEN c.state"
    " WHEN (SELECT b.undone FROM batches b WHERE b.pk = c.batch) THEN 'ready' ELSE 'applied' END"
)
_COLUMNS = (
    "c.pk, c.at, c.reviewer, c.kind, c.filter, c.random_seed, c.size, c.sample, c.method, c.max_share, c.allowed,"
    f" {_STATE}, c.bad, c.bound, c.batch"
)


def add(
    db: sqlite3.Connection,
    reviewer: str,
    kind: Kind,
    line: str,
    random_seed: int,
    pks: Sequence[int],
    sample: Sequence[int],
    method: str,
    max_share: float | None,
    allowed: int,
) -> int:
    """Stores a batch with its sample, in the order in which it is read, and the revisions that count now."""
    places = {pk: place for place, pk in enumerate(sample)}
    with write(db):
        cursor = db.execute(
            "INSERT INTO certificates (at, reviewer, kind, filter, random_seed, size, sample, method, max_share,"
            " allowed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (time.time(), reviewer, kind, line, random_seed, len(pks), len(sample), method, max_share, allowed),
        )
        certificate = cursor.lastrowid
        assert certificate is not None
        db.executemany(
            "INSERT INTO certificate_rows (certificate, trajectory, revision, place)"
            " SELECT ?, pk, revision, ? FROM trajectories WHERE pk = ?",
            ((certificate, places.get(pk), pk) for pk in pks),
        )
    return certificate


def certificate(db: sqlite3.Connection, pk: int) -> Certificate:
    """One certificate.

    Raises:
        UsageError: there is none with this number.
    """
    found = db.execute(f"SELECT {_COLUMNS} FROM certificates c WHERE c.pk = ?", (pk,)).fetchone()
    if found is None:
        raise UsageError(f"There is no certificate {pk}.")
    return Certificate._make(found)


def certificates(db: sqlite3.Connection) -> list[Certificate]:
    """All certificates, newest first."""
    found = db.execute(f"SELECT {_COLUMNS} FROM certificates c ORDER BY c.pk DESC").fetchall()
    return [Certificate._make(values) for values in found]


def unfinished(db: sqlite3.Connection, reviewer: str, kind: Kind) -> Certificate | None:
    """The reviewer's latest certificate of a kind, if it still waits for decisions or for its approval."""
    found = db.execute(
        f"SELECT {_COLUMNS} FROM certificates c WHERE c.reviewer = ? AND c.kind = ? ORDER BY c.pk DESC LIMIT 1",
        (reviewer, kind),
    ).fetchone()
    latest = Certificate._make(found) if found else None
    return latest if latest and latest.state in ("sampling", "ready") else None


def sample(db: sqlite3.Connection, pk: int) -> list[int]:
    """The trajectories of the sample, in the order in which they are read."""
    cursor = db.execute(
        "SELECT trajectory FROM certificate_rows WHERE certificate = ? AND place IS NOT NULL ORDER BY place", (pk,)
    )
    return [trajectory for (trajectory,) in cursor]


def tally(db: sqlite3.Connection, pk: int) -> Tally:
    """How far the sample is. A row is bad if it was rejected, or had to be edited before it was approved."""
    found = db.execute(
        "SELECT t.pk, t.status, t.revision != r.revision FROM certificate_rows r JOIN trajectories t ON"
        " t.pk = r.trajectory WHERE r.certificate = ? AND r.place IS NOT NULL ORDER BY r.place",
        (pk,),
    ).fetchall()
    waiting = [row for row, status, _ in found if status in ("pending", "flagged")]
    decided = [(status, edited) for _, status, edited in found if status not in ("pending", "flagged")]
    return Tally(waiting, len(decided), sum(status == "rejected" or bool(edited) for status, edited in decided))


def rest(db: sqlite3.Connection, pk: int) -> list[int]:
    """The rows of the batch that nobody has decided on or changed since it was drawn."""
    cursor = db.execute(
        "SELECT t.pk FROM certificate_rows r JOIN trajectories t ON t.pk = r.trajectory AND t.revision = r.revision"
        " WHERE r.certificate = ? AND t.status = 'pending' ORDER BY t.pk",
        (pk,),
    )
    return [trajectory for (trajectory,) in cursor]


def note(
    db: sqlite3.Connection, pk: int, state: State, bad: int | None, bound: float | None, batch: int | None = None
) -> None:
    """Writes how a certificate stands."""
    with write(db):
        db.execute(
            "UPDATE certificates SET state = ?, bad = ?, bound = ?, batch = coalesce(?, batch) WHERE pk = ?",
            (state, bad, bound, batch, pk),
        )


def of(db: sqlite3.Connection, pks: Sequence[int]) -> list[dict[str, Any]]:
    """The certificates on which the approval of `pks` rests, for the manifest of an export.

    `rows` says how many of `pks` were approved unread by it, as their latest decision; `read` how many were in its
    sample. Certificates whose batch was undone, or that no row rests on any more, are left out.
    """
    totals: dict[int, tuple[int, int]] = {}
    for marks, part in _chunks(pks):
        found = db.execute(
            "SELECT r.certificate, sum(r.place IS NULL), sum(r.place IS NOT NULL) FROM certificate_rows r"
            " JOIN certificates c ON c.pk = r.certificate JOIN trajectories t ON t.pk = r.trajectory"
            " JOIN batches b ON b.pk = c.batch AND NOT b.undone"
            " JOIN decisions d ON d.pk = (SELECT max(l.pk) FROM decisions l WHERE l.trajectory = r.trajectory)"
            " JOIN batches l ON l.pk = d.batch"
            f" WHERE r.trajectory IN ({marks}) AND t.status = 'approved' AND t.revision = r.revision"
            " AND (r.place IS NOT NULL OR c.batch IN (l.pk, l.target)) GROUP BY r.certificate",
            part,
        ).fetchall()
        for pk, unread, read in found:
            before = totals.get(pk, (0, 0))
            totals[pk] = (before[0] + unread, before[1] + read)
    return [_entry(certificate(db, pk), unread, read) for pk, (unread, read) in sorted(totals.items()) if unread]


def _chunks(pks: Sequence[int]) -> Iterator[tuple[str, list[int]]]:
    for start in range(0, len(pks), _CHUNK):
        part = list(pks[start : start + _CHUNK])
        yield ",".join("?" * len(part)), part


def _entry(found: Certificate, unread: int, read: int) -> dict[str, Any]:
    names = ("reviewer", "kind", "filter", "random_seed", "size", "sample", "bad", "bound", "method", "max_share")
    fields = found._asdict()
    return {"id": found.pk, "at": found.at, **{name: fields[name] for name in names}, "rows": unread, "read": read}
