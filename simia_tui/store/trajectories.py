"""Seeds and episodes: adding them once, listing them by id, reading one body.

A listing is two steps: `ids` gives the whole order as one array of integers, `rows` reads the few that are shown.
"""

import json
import sqlite3
import time
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import inf
from typing import Literal, NamedTuple

import msgspec

from simia_tui.errors import UsageError
from simia_tui.model import (
    Fault,
    Finding,
    Kind,
    Measure,
    Origin,
    Severity,
    Status,
    ToolSpec,
    Trajectory,
    Verdict,
    canonical_json,
    content_hash,
    spoken_text,
    verdict_of,
)
from simia_tui.store.codec import decode_body, encode_body
from simia_tui.store.connection import write
from simia_tui.store.fields import ORDERS
from simia_tui.store.query import Query

TITLE_CHARS = 120


@dataclass(frozen=True)
class New:
    """A trajectory to be added: as it came, and as the rules left it (`checked`) with what they found."""

    trajectory: Trajectory
    checked: Trajectory
    findings: Sequence[Finding] = ()
    kind: Kind = "seed"
    source: Literal["import", "synthetic", "rollout"] = "import"
    format: str | None = None
    path: str | None = None
    row: int | None = None
    seed: int | None = None
    demo: bool = False


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
    with write(db):
        return add_within(db, news)


def add_within(db: sqlite3.Connection, news: Iterable[New]) -> Added:
    """`add` as part of a transaction that the caller holds."""
    added = Added()
    now = time.time()
    for new in news:
        pk = _insert(db, new, now)
        if pk is None:
            added.duplicates += 1
        else:
            added.pks.append(pk)
    return added


def _insert(db: sqlite3.Connection, new: New, now: float) -> int | None:
    trajectory, checked = new.trajectory, new.checked
    changed = checked is not trajectory and checked.turns != trajectory.turns
    measure = Measure.of(checked)
    origin = trajectory.origin
    cursor = db.execute(
        "INSERT OR IGNORE INTO trajectories (id, kind, source, verdict, revision, domain, title, policy, toolset,"
        " turns, calls, observations, errors, words, findings, demo, format, path, row, seed, job, ord, created, score)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            trajectory.id,
            new.kind,
            new.source,
            verdict_of(list(new.findings)),
            int(changed),
            trajectory.domain,
            title_of(checked),
            _policy(db, trajectory.policy),
            _toolset(db, trajectory.tools),
            *msgspec.structs.astuple(measure),
            len(new.findings),
            new.demo,
            new.format,
            new.path,
            new.row,
            new.seed,
            origin.job if origin else None,
            origin.ord if origin else None,
            now,
            score_of(trajectory),
        ),
    )
    if cursor.rowcount != 1 or cursor.lastrowid is None:
        return None
    pk = cursor.lastrowid
    _put_body(db, pk, 0, "source", trajectory, now)
    if changed:
        _put_body(db, pk, 1, "rules", checked, now)
    put_findings(db, pk, int(changed), new.findings)
    put_index(db, pk, checked)
    return pk


def title_of(trajectory: Trajectory) -> str:
    """The start of the first user text on one line; what a listing shows."""
    first = next((turn.content for turn in trajectory.turns if turn.role == "user" and turn.content), "")
    return " ".join(first[: TITLE_CHARS * 4].split())[:TITLE_CHARS]


def score_of(trajectory: Trajectory) -> float | None:
    """The reward or score that the source gave, where that is a number."""
    told = (trajectory.meta.get(name) for name in ("reward", "score"))
    return next((float(n) for n in told if isinstance(n, int | float) and abs(n) < inf), None)


def _put_body(db: sqlite3.Connection, pk: int, revision: int, author: str, body: Trajectory, now: float) -> None:
    db.execute("INSERT INTO bodies VALUES (?, ?, ?, ?, ?)", (pk, revision, author, now, encode_body(body)))


def add_revision(db: sqlite3.Connection, pk: int, author: str, body: Trajectory, findings: Sequence[Finding]) -> int:
    """Stores a further body with its findings, without making it the one that counts; returns its number."""
    (last,) = db.execute("SELECT max(revision) FROM bodies WHERE trajectory = ?", (pk,)).fetchone()
    _put_body(db, pk, last + 1, author, body, time.time())
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
    db.executemany(
        "INSERT INTO findings (trajectory, revision, n, rule, severity, turn, call, repaired, message, before)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (pk, revision, n, f.rule, f.severity, f.turn, f.call, f.repaired, f.message, f.before)
            for n, f in enumerate(findings)
        ],
    )


def put_index(db: sqlite3.Connection, pk: int, body: Trajectory) -> None:
    """Full-text and tool rows of the body that counts; call `drop_index` with the former body first."""
    db.execute("INSERT INTO search (rowid, text) VALUES (?, ?)", (pk, spoken_text(body)))
    calls: dict[str, int] = {}
    for _, _, call in body.calls():
        calls[call.name] = calls.get(call.name, 0) + 1
    db.executemany("INSERT INTO trajectory_tools VALUES (?, ?, ?)", [(name, pk, n) for name, n in calls.items()])


def drop_index(db: sqlite3.Connection, pk: int, body: Trajectory) -> None:
    """Takes the rows of `put_index` away (a contentless index must be told the old text)."""
    db.execute("INSERT INTO search (search, rowid, text) VALUES ('delete', ?, ?)", (pk, spoken_text(body)))
    db.execute("DELETE FROM trajectory_tools WHERE trajectory = ?", (pk,))


def _policy(db: sqlite3.Connection, text: str | None) -> int | None:
    if text is None:
        return None
    return _once(db, "policies", _text_sha(text), lambda: ("text", text))


@lru_cache(maxsize=256)
def _text_sha(text: str) -> str:
    return content_hash(text)


class _Toolset(NamedTuple):
    """Tool specs with the SHA-256 of each and of the list."""

    tools: tuple[ToolSpec, ...]
    ids: list[str]
    sha: str


_MOST_TOOLSETS = 64
_toolsets: dict[tuple[int, ...], _Toolset] = {}
"""Lists by the identities of their specs, which rows share and which are kept beside: an id alone could be reused."""


def _hashed(tools: tuple[ToolSpec, ...]) -> _Toolset:
    key = tuple(map(id, tools))
    if key not in _toolsets:
        if len(_toolsets) >= _MOST_TOOLSETS:
            _toolsets.clear()
        ids = [content_hash(tool.dump()) for tool in tools]
        _toolsets[key] = _Toolset(tools, ids, content_hash(ids))
    return _toolsets[key]


def _toolset(db: sqlite3.Connection, tools: tuple[ToolSpec, ...]) -> int | None:
    if not tools:
        return None
    known = _hashed(tools)
    return _once(db, "toolsets", known.sha, lambda: ("tools", _tools(db, known.ids, tools)))


def _tools(db: sqlite3.Connection, ids: list[str], tools: tuple[ToolSpec, ...]) -> str:
    for sha, tool in zip(ids, tools, strict=True):
        spec = canonical_json(tool.dump())
        db.execute("INSERT OR IGNORE INTO tools (id, name, spec) VALUES (?, ?, ?)", (sha, tool.name, spec))
    found = (db.execute("SELECT pk FROM tools WHERE id = ?", (sha,)).fetchone()[0] for sha in ids)
    return canonical_json(list(found))


def _once(db: sqlite3.Connection, table: str, sha: str, column: Callable[[], tuple[str, str]]) -> int:
    """The key of the row of `table` with this hash, inserted first if it is new."""
    found = db.execute(f"SELECT pk FROM {table} WHERE id = ?", (sha,)).fetchone()
    if found:
        return int(found[0])
    name, value = column()
    cursor = db.execute(f"INSERT INTO {table} (id, {name}) VALUES (?, ?)", (sha, value))
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def ids(db: sqlite3.Connection, query: Query) -> "array[int]":
    """The keys of all trajectories that `query` matches, in its order."""
    where, values = query.where()
    cursor = db.execute(f"SELECT t.pk FROM trajectories t WHERE {where} ORDER BY {ORDERS[query.order]}", values)
    return array("q", (pk for (pk,) in cursor))


def count(db: sqlite3.Connection, query: Query) -> int:
    """How many trajectories `query` matches."""
    where, values = query.where()
    (n,) = db.execute(f"SELECT count(*) FROM trajectories t WHERE {where}", values).fetchone()
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
    found = db.execute(
        'SELECT t.domain, p.text, s.tools, b.data, t.job, t.ord, o.id, r.run, r.step, r."group", r.member'
        " FROM trajectories t LEFT JOIN practised r ON r.trajectory = t.pk"
        " JOIN bodies b ON b.trajectory = t.pk AND b.revision = coalesce(?, t.revision)"
        " LEFT JOIN policies p ON p.pk = t.policy LEFT JOIN toolsets s ON s.pk = t.toolset"
        " LEFT JOIN trajectories o ON o.pk = t.seed WHERE t.pk = ?",
        (revision, pk),
    ).fetchone()
    if found is None:
        raise UsageError(f"There is no trajectory {pk}" + (f" with revision {revision}." if revision else "."))
    domain, policy, tools, blob, *made = found
    body = decode_body(blob)
    return Trajectory(
        domain=domain,
        policy=policy,
        tools=_load_tools(db, json.loads(tools)) if tools else (),
        turns=body.turns,
        origin=_origin(*made),
        meta=body.meta,
    )


def _origin(job: int | None, ord_: int | None, seed: str | None, run: int | None, *place: int | None) -> Origin | None:
    if run is not None:
        step, group, member = place
        return Origin(seed=seed, run=run, step=step, group=group, member=member)
    return Origin(job=job, ord=ord_, seed=seed) if job is not None else None


def _load_tools(db: sqlite3.Connection, pks: list[int]) -> tuple[ToolSpec, ...]:
    marks = ",".join("?" * len(pks))
    found = dict(db.execute(f"SELECT pk, spec FROM tools WHERE pk IN ({marks})", pks).fetchall())
    return tuple(_spec(found[pk]) for pk in pks)


@lru_cache(maxsize=1024)
def _spec(text: str) -> ToolSpec:
    """The spec that JSON text holds; trajectories that share their tools share the objects."""
    return ToolSpec.load(json.loads(text))


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
