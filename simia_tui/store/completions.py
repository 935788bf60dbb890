"""What a filter line can be completed with: the values that a field has in this workspace, with how many rows each."""

import sqlite3
from typing import NamedTuple

from simia_tui.model import Kind
from simia_tui.store.fields import FIELDS, HAS, ORDERS, SCREENED, escape
from simia_tui.store.query import Query, in_one_token
from simia_tui.store.trajectories import count

MOST = 200
"""Values of a field that are offered, the most frequent first."""


class Value(NamedTuple):
    """One value as a line holds it, and how many rows it stands for; None where that is not counted."""

    text: str
    rows: int | None


_OF_KIND = "FROM trajectories t WHERE t.kind = ?"
_ACTS = "FROM batches b JOIN decisions d ON d.batch = b.pk JOIN trajectories t ON t.pk = d.trajectory"
_SQL = {
    "status": f"SELECT t.status, count(*) {_OF_KIND} GROUP BY 1",
    "verdict": f"SELECT t.verdict, count(*) {_OF_KIND} GROUP BY 1",
    "fault": f"SELECT replace(coalesce(t.fault, 'none'), ' ', '-'), count(*) {_OF_KIND}"
    " AND t.status = 'rejected' GROUP BY 1",
    "domain": f"SELECT t.domain, count(*) {_OF_KIND} GROUP BY 1",
    "judge": f"SELECT {SCREENED.format('opinion')}, count(*) {_OF_KIND} GROUP BY 1",
    "job": f"SELECT t.job, count(*) {_OF_KIND} GROUP BY 1",
    "seed": f"SELECT t.seed, count(*) {_OF_KIND} AND t.seed IS NOT NULL GROUP BY 1",
    "tool": "SELECT u.tool, count(*) FROM trajectory_tools u JOIN trajectories t ON t.pk = u.trajectory"
    " WHERE t.kind = ? GROUP BY 1",
    "rule": "SELECT f.rule, count(DISTINCT t.pk) FROM trajectories t"
    " JOIN findings f ON f.trajectory = t.pk AND f.revision = t.revision WHERE t.kind = ? GROUP BY 1",
    "reviewer": f"SELECT b.reviewer, count(DISTINCT t.pk) {_ACTS}"
    " WHERE t.kind = ? AND b.action NOT IN ('undo', 'redo') AND NOT b.undone GROUP BY 1",
    "model": "SELECT a.model, count(*) FROM attempts a JOIN trajectories t ON t.job = a.job AND t.ord = a.ord"
    " WHERE t.kind = ? AND a.model IS NOT NULL GROUP BY 1",
}
_EXAMPLES = {
    "order": tuple(ORDERS),
    "score": (">0.5", "<=0.5", "1", "0"),
    "length": (">800", "<200", "200..800"),
    "turns": (">20", "<6", "6..20"),
    "date": ("today", "yesterday", "<7d", ">30d"),
}


def values(db: sqlite3.Connection, kind: Kind, name: str) -> list[Value]:
    """The values of the field `name`, the most frequent first. Counts over all rows of a kind: use a thread."""
    if name == "has":
        return [Value(value, count(db, Query(kind=kind, has=value))) for value in HAS]
    if name in _EXAMPLES:
        return [Value(value, None) for value in _EXAMPLES[name]]
    if name not in FIELDS or name not in _SQL:
        return []
    found = db.execute(f"{_SQL[name]} ORDER BY 2 DESC, 1 LIMIT {MOST}", (kind,)).fetchall()
    return [Value(in_one_token(escape(str(value))), rows) for value, rows in found if value is not None]
