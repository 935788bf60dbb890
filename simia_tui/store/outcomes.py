"""What the calls of trajectories came to: kept apart from the bodies, so that the coverage map need not open them."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from simia_tui.store.connection import write

TARGET_MISSED = "job.target-missed"
"""The finding on an episode that does not show what its job asked for."""


class Read(NamedTuple):
    """A body that was read: its `(tool, wording)` pairs, the wording empty where the call worked."""

    trajectory: int
    revision: int
    outcomes: frozenset[tuple[str, str]]


class Count(NamedTuple):
    """In how many seeds and episodes a tool worked; rejected ones are left out."""

    tool: str
    seeds: int
    episodes: int


class Refusal(NamedTuple):
    """A trajectory in which `tool` refused in these words."""

    tool: str
    wording: str
    trajectory: int
    is_seed: bool


def unread(db: sqlite3.Connection, limit: int) -> list[tuple[int, int]]:
    """Trajectories whose body that counts was not read yet, with its revision."""
    return db.execute(
        "SELECT t.pk, t.revision FROM trajectories t LEFT JOIN outcomes_read r ON r.trajectory = t.pk"
        " WHERE r.revision IS NOT t.revision LIMIT ?",
        (limit,),
    ).fetchall()


def put(db: sqlite3.Connection, many: Iterable[Read]) -> None:
    """Stores what was read, in one transaction; what was read of former bodies goes."""
    with write(db):
        for pk, revision, found in many:
            db.execute("DELETE FROM outcomes WHERE trajectory = ?", (pk,))
            db.executemany(
                "INSERT INTO outcomes (tool, template, trajectory) VALUES (?, ?, ?)",
                [(tool, wording, pk) for tool, wording in found],
            )
            db.execute("INSERT OR REPLACE INTO outcomes_read VALUES (?, ?)", (pk, revision))


def successes(db: sqlite3.Connection) -> dict[str, Count]:
    """Every tool that worked somewhere, by name."""
    found = db.execute(
        "SELECT o.tool, sum(t.kind = 'seed'), sum(t.kind = 'episode') FROM outcomes o"
        " JOIN trajectories t ON t.pk = o.trajectory WHERE t.status != 'rejected' AND o.template = '' GROUP BY o.tool"
    ).fetchall()
    return {values[0]: Count._make(values) for values in found}


def refusals(db: sqlite3.Connection) -> list[Refusal]:
    """Every refusal, once for each wording and trajectory; those of rejected trajectories are left out."""
    found = db.execute(
        "SELECT o.tool, o.template, t.pk, t.kind = 'seed' FROM outcomes o JOIN trajectories t ON t.pk = o.trajectory"
        " WHERE t.status != 'rejected' AND o.template != ''"
    ).fetchall()
    return [Refusal(tool, wording, pk, bool(is_seed)) for tool, wording, pk, is_seed in found]


def declared(db: sqlite3.Connection) -> dict[str, str]:
    """The tools that seeds declare, called or not, each with a domain."""
    found = db.execute(
        "SELECT t.name, min(s.domain) FROM"
        " (SELECT DISTINCT toolset, domain FROM trajectories WHERE kind = 'seed' AND status != 'rejected') s"
        " JOIN toolsets x ON x.pk = s.toolset JOIN json_each(x.tools) e JOIN tools t ON t.pk = e.value GROUP BY t.name"
    ).fetchall()
    return dict(found)


def showing(
    db: sqlite3.Connection, tool: str, outcome: str | None = None, wordings: Sequence[str] | None = None
) -> list[int]:
    """The seeds with a call of `tool` that came to `outcome` (success or error), refused in one of these wordings."""
    found = db.execute(
        "SELECT DISTINCT o.trajectory FROM outcomes o JOIN trajectories t ON t.pk = o.trajectory"
        " WHERE t.kind = 'seed' AND o.tool = ? AND (? IS NULL OR (o.template = '') = (? = 'success'))"
        " AND (? IS NULL OR o.template IN (SELECT value FROM json_each(?))) ORDER BY o.trajectory",
        (tool, outcome, outcome, *[None if wordings is None else json.dumps(wordings)] * 2),
    ).fetchall()
    return [pk for (pk,) in found]


def declaring(db: sqlite3.Connection, tool: str) -> list[int]:
    """The seeds that declare `tool`."""
    found = db.execute(
        "SELECT s.pk FROM trajectories s WHERE s.kind = 'seed' AND s.toolset IN (SELECT x.pk FROM toolsets x"
        " JOIN json_each(x.tools) e JOIN tools t ON t.pk = e.value WHERE t.name = ?) ORDER BY s.pk",
        (tool,),
    ).fetchall()
    return [pk for (pk,) in found]


def missed(db: sqlite3.Connection, job: int) -> int:
    """How many episodes of a job do not show what it asked for."""
    (n,) = db.execute(
        "SELECT count(DISTINCT f.trajectory) FROM findings f JOIN trajectories t ON t.pk = f.trajectory"
        " WHERE t.job = ? AND f.rule = ?",
        (job, TARGET_MISSED),
    ).fetchone()
    return int(n)
