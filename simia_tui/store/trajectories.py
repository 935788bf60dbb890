"""Seeds and episodes: adding them once, listing them by id, reading one body.

A listing is two steps: `ids` gives the whole order as one array of integers, `rows` reads the few that are shown.
"""

import sqlite3
import time
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from simia_tui.errors import UsageError
from simia_tui.model import Fault, Finding, Kind, Origin, Severity, Status, Trajectory, Verdict
from simia_tui.store.codec import decode_body, encode_body
from simia_tui.store.connection import write
from simia_tui.store.entries import COLUMNS, FINDING, Entry, New, entry, finding_rows, index_of
from simia_tui.store.query import Query
from simia_tui.store.shared import Keys, Specs


@dataclass
class Added:
    """What `add` did: the keys of new rows in order, and how many were there already."""

    pks: list[int] = field(default_factory=list)
    duplicates: int = 0


class Row(NamedTuple):
    """One line of a listing."""

    pk: int
    id: str
    kind: Kind
    status: Status
    fault: Fault | None
    verdict: Verdict
    revision: int
    domain: str
    title: str
    turns: int
    calls: int
    observations: int
    errors: int
    words: int
    findings: int
    demo: bool
    format: str | None
    path: str | None
    row: int | None
    seed: int | None
    job: int | None
    ord: int | None
    created: float


_COLUMNS = ", ".join(f"t.{name}" for name in Row._fields)


def add(db: sqlite3.Connection, news: Iterable[New]) -> Added:
    """Adds trajectories in one transaction; one whose id is there already adds nothing and is counted.

    Raises:
        SimiaError: the database cannot be written; nothing was added.
    """
    return add_entries(db, [entry(new) for new in news])


def add_entries(db: sqlite3.Connection, entries: Sequence[Entry]) -> Added:
    """`add` of what was worked out before, so that the transaction is as short as can be."""
    with write(db):
        return _insert(db, entries)


def add_within(db: sqlite3.Connection, news: Iterable[New]) -> Added:
    """`add` as part of a transaction that the caller holds."""
    return _insert(db, [entry(new) for new in news])


def _insert(db: sqlite3.Connection, entries: Sequence[Entry]) -> Added:
    added: dict[int, Entry] = {}
    now = time.time()
    keys = Keys(db)
    for one in entries:
        rest = (one.row, now, keys.policy(one.policy), keys.toolset(one.toolset))
        cursor = db.execute(_INSERT, (*one.columns, *rest))
        if cursor.rowcount == 1 and cursor.lastrowid is not None:
            added[cursor.lastrowid] = one
    db.executemany(
        _INSERT_BODY, ((pk, n, author, now, data) for pk, one in added.items() for n, author, data in one.bodies)
    )
    db.executemany(_INSERT_FINDING, ((pk, *finding) for pk, one in added.items() for finding in one.findings))
    db.executemany(_INSERT_TEXT, ((pk, one.found_by.text) for pk, one in added.items()))
    db.executemany(_INSERT_TOOL, ((name, pk, n) for pk, one in added.items() for name, n in one.found_by.tools))
    return Added(list(added), len(entries) - len(added))


def _insert_into(table: str, columns: Sequence[str], ignore: bool = False) -> str:
    marks = ", ".join("?" * len(columns))
    return f"INSERT {'OR IGNORE ' if ignore else ''}INTO {table} ({', '.join(columns)}) VALUES ({marks})"


_INSERT = _insert_into("trajectories", (*COLUMNS, "row", "created", "policy", "toolset"), ignore=True)
_INSERT_BODY = _insert_into("bodies", ("trajectory", "revision", "author", "at", "data"))
_INSERT_FINDING = _insert_into("findings", ("trajectory", *FINDING))
_INSERT_TEXT = _insert_into("search", ("rowid", "text"))
_INSERT_TOOL = _insert_into("trajectory_tools", ("tool", "trajectory", "calls"))


def add_revision(db: sqlite3.Connection, pk: int, author: str, body: Trajectory, findings: Sequence[Finding]) -> int:
    """Stores a further body with its findings, without making it the one that counts; returns its number."""
    (last,) = db.execute("SELECT max(revision) FROM bodies WHERE trajectory = ?", (pk,)).fetchone()
    db.execute(_INSERT_BODY, (pk, last + 1, author, time.time(), encode_body(body)))
    put_findings(db, pk, last + 1, findings)
    return int(last) + 1


def as_made(db: sqlite3.Connection, pk: int) -> int:
    """The revision that source and rules made, before anybody changed it."""
    (revision,) = db.execute(
        "SELECT max(revision) FROM bodies WHERE trajectory = ? AND author IN ('source', 'rules')", (pk,)
    ).fetchone()
    return int(revision)


def put_findings(db: sqlite3.Connection, pk: int, revision: int, findings: Sequence[Finding]) -> None:
    """Replaces the findings of one revision."""
    db.execute("DELETE FROM findings WHERE trajectory = ? AND revision = ?", (pk, revision))
    db.executemany(_INSERT_FINDING, [(pk, *row) for row in finding_rows(revision, findings)])


def put_index(db: sqlite3.Connection, pk: int, body: Trajectory) -> None:
    """Full-text and tool rows of the body that counts; call `drop_index` with the former body first."""
    text, tools = index_of(body)
    db.execute(_INSERT_TEXT, (pk, text))
    db.executemany(_INSERT_TOOL, [(name, pk, n) for name, n in tools])


def drop_index(db: sqlite3.Connection, pk: int, body: Trajectory) -> None:
    """Takes the rows of `put_index` away (a contentless index must be told the old text)."""
    db.execute("INSERT INTO search (search, rowid, text) VALUES ('delete', ?, ?)", (pk, index_of(body).text))
    db.execute("DELETE FROM trajectory_tools WHERE trajectory = ?", (pk,))


def ids(db: sqlite3.Connection, query: Query) -> "array[int]":
    """The keys of all trajectories that `query` matches, in its order."""
    source, values = query.source()
    cursor = db.execute(f"SELECT t.pk FROM {source} ORDER BY {query.ordering}", values)
    return array("q", (pk for (pk,) in cursor))


def count(db: sqlite3.Connection, query: Query) -> int:
    """How many trajectories `query` matches."""
    source, values = query.source()
    (n,) = db.execute(f"SELECT count(*) FROM {source}", values).fetchone()
    return int(n)


def rows(db: sqlite3.Connection, pks: Sequence[int]) -> list[Row]:
    """The listing lines of `pks`, in that order, without keys that do not exist; those below 0 are of `planted`."""
    marks = ",".join("?" * len(pks))
    found = db.execute(f"SELECT {_COLUMNS} FROM trajectories t WHERE t.pk IN ({marks})", list(pks)).fetchall()
    by_pk = {values[0]: _row(values) for values in found}
    if min(pks, default=0) < 0:
        # That module stands on this one.
        from simia_tui.store import planted

        by_pk |= {pk: row for pk in pks if pk < 0 and (row := planted.row(db, pk)) is not None}
    return [by_pk[pk] for pk in pks if pk in by_pk]


def _row(values: tuple[object, ...]) -> Row:
    row = Row(*values)  # type: ignore[arg-type]  # the columns are those of Row, in its order
    return row._replace(
        status=Status(row.status),
        verdict=Verdict(row.verdict),
        fault=Fault(row.fault) if row.fault else None,
        demo=bool(row.demo),
    )


def get(db: sqlite3.Connection, pk: int, revision: int | None = None) -> Trajectory:
    """The trajectory `pk` as it counts now, or as it was at `revision` (0 is what came in).

    Raises:
        UsageError: there is no such trajectory or revision.
    """
    if pk < 0:
        from simia_tui.store import planted

        return planted.get(db, pk)
    found = _read(db, [pk], revision)
    if not found:
        raise UsageError(f"There is no trajectory {pk}" + (f" with revision {revision}." if revision else "."))
    return found[pk]


def several(db: sqlite3.Connection, pks: Sequence[int]) -> list[Trajectory]:
    """`get` of keys above 0 that are there, as they count now, in their order; all are held at a time."""
    found = _read(db, pks, None)
    return [found[pk] for pk in pks]


def _read(db: sqlite3.Connection, pks: Sequence[int], revision: int | None) -> dict[int, Trajectory]:
    marks = ",".join("?" * len(pks))
    cursor = db.execute(
        'SELECT t.pk, t.domain, p.text, s.tools, b.data, t.job, t.ord, o.id, r.run, r.step, r."group", r.member'
        " FROM trajectories t LEFT JOIN practised r ON r.trajectory = t.pk"
        " JOIN bodies b ON b.trajectory = t.pk AND b.revision = coalesce(?, t.revision)"
        " LEFT JOIN policies p ON p.pk = t.policy LEFT JOIN toolsets s ON s.pk = t.toolset"
        f" LEFT JOIN trajectories o ON o.pk = t.seed WHERE t.pk IN ({marks})",
        (revision, *pks),
    )
    specs = Specs(db)
    found = {}
    for pk, domain, policy, tools, blob, *made in cursor:
        body = decode_body(blob)
        found[pk] = Trajectory(
            domain=domain,
            policy=policy,
            tools=specs.of(tools),
            turns=body.turns,
            origin=_origin(*made),
            meta=body.meta,
        )
    return found


def _origin(job: int | None, ord_: int | None, seed: str | None, run: int | None, *place: int | None) -> Origin | None:
    if run is not None:
        step, group, member = place
        return Origin(seed=seed, run=run, step=step, group=group, member=member)
    return Origin(job=job, ord=ord_, seed=seed) if job is not None else None


def find(db: sqlite3.Connection, name: str) -> int:
    """The key of the trajectory named by its number, its id, or the start of its id (4 characters or more).

    Raises:
        UsageError: nothing matches, or more than one does.
    """
    if name.isdigit() and db.execute("SELECT 1 FROM trajectories WHERE pk = ?", (int(name),)).fetchone():
        return int(name)
    found: list[tuple[int]] = []
    if len(name) >= 4 and all(c in "0123456789abcdef" for c in name):
        found = db.execute(
            "SELECT pk FROM trajectories WHERE id >= ? AND id < ? LIMIT 2", (name, name + "g")
        ).fetchall()
    if len(found) != 1:
        problem = "matches more than one trajectory; give more of the id" if found else "names no trajectory here"
        raise UsageError(f"{name!r} {problem}; `simia seeds list` and `simia episodes list` show them.")
    return found[0][0]


def known(db: sqlite3.Connection, shas: Sequence[str]) -> set[str]:
    """Which of these ids are there already."""
    marks = ",".join("?" * len(shas))
    return {sha for (sha,) in db.execute(f"SELECT id FROM trajectories WHERE id IN ({marks})", list(shas)).fetchall()}


def findings(db: sqlite3.Connection, pk: int, revision: int | None = None) -> list[Finding]:
    """What the rules found in the body that counts (or in `revision`)."""
    if pk < 0:
        from simia_tui.store import planted

        return planted.findings(db, pk)
    found = db.execute(
        "SELECT f.rule, f.severity, f.message, f.turn, f.call, f.repaired, f.before FROM findings f"
        " JOIN trajectories t ON t.pk = f.trajectory"
        " WHERE f.trajectory = ? AND f.revision = coalesce(?, t.revision) ORDER BY f.n",
        (pk, revision),
    ).fetchall()
    return [
        Finding(
            rule=rule,
            severity=Severity(severity),
            message=message,
            turn=turn,
            call=call,
            repaired=bool(repaired),
            before=before,
        )
        for rule, severity, message, turn, call, repaired, before in found
    ]


def counts(db: sqlite3.Connection) -> dict[tuple[Kind, Status], int]:
    """How many trajectories stand where."""
    found = db.execute("SELECT kind, status, count(*) FROM trajectories GROUP BY kind, status").fetchall()
    return {(kind, Status(status)): n for kind, status, n in found}


def statuses(db: sqlite3.Connection, pks: Sequence[int]) -> dict[Status, int]:
    """How many of `pks` stand where."""
    found: dict[Status, int] = {}
    for start in range(0, len(pks), 5000):
        part = list(pks[start : start + 5000])
        marks = ",".join("?" * len(part))
        sql = f"SELECT status, count(*) FROM trajectories WHERE pk IN ({marks}) GROUP BY status"
        for status, n in db.execute(sql, part):
            found[Status(status)] = found.get(Status(status), 0) + n
    return found


def has_demo(db: sqlite3.Connection) -> bool:
    """Whether the demo model made anything here."""
    return db.execute("SELECT 1 FROM trajectories WHERE demo LIMIT 1").fetchone() is not None


def verdict_counts(db: sqlite3.Connection, kind: Kind) -> dict[Verdict, int]:
    """How many of a kind the rules found clean, repaired, warned of or broken."""
    found = db.execute("SELECT verdict, count(*) FROM trajectories WHERE kind = ? GROUP BY verdict", (kind,)).fetchall()
    return {Verdict(verdict): n for verdict, n in found}
